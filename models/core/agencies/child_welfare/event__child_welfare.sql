with

reports as (

    select * from {{ ref('stg_child_welfare__child_reports') }}

),

id_links as (

    select * from {{ ref('stg_child_welfare__id_links') }}

),

-- The federal ids of a child hold for one submission year; the link file says whose they are.
told as (

    select
        id_links.source_client_id as source_person_key,
        {{ dbt.concat([
            'reports.submission_year', "'|'", 'reports.source_report_id', "'|'",
            'reports.source_report_child_id'
        ]) }} as source_record_key,
        reports.disposition,
        reports.is_victim,
        reports.report_date,
        reports.investigation_date,
        reports.disposition_date
    from reports
    inner join id_links
        on
            reports.submission_year = id_links.submission_year
            and reports.source_report_child_id = id_links.source_report_child_id
    where not reports.is_unborn

),

protection_events as (

    select
        source_person_key,
        source_record_key,
        'child_protection_report' as event_type,
        disposition as value_code,
        report_date as event_date
    from told
    where report_date is not null
    union all
    select
        source_person_key,
        source_record_key,
        'child_protection_investigation' as event_type,
        disposition as value_code,
        investigation_date as event_date
    from told
    where investigation_date is not null
    union all
    select
        source_person_key,
        source_record_key,
        'child_maltreatment_finding' as event_type,
        disposition as value_code,
        disposition_date as event_date
    from told
    where is_victim and disposition_date is not null

),

event_rows as (

    {{ event_rows('protection_events', 'child_welfare', has=['value_code']) }}

)

select * from event_rows
