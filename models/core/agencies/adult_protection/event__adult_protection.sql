with

investigations as (

    select * from {{ ref('stg_adult_protection__investigations') }}

),

-- One report may name several kinds of maltreatment: it is one report, and substantiated if one of
-- them is.
reports as (

    select
        source_client_id as source_person_key,
        source_investigation_id as source_record_key,
        case
            when max(case when disposition = 'substantiated' then 1 else 0 end) = 1
                then 'substantiated'
            else min(disposition)
        end as disposition,
        min(report_date) as report_date,
        min(investigation_date) as investigation_date,
        max(closed_date) as closed_date
    from investigations
    where report_date is not null
    group by source_client_id, source_investigation_id

),

protection_events as (

    select
        source_person_key,
        source_record_key,
        'adult_protection_report' as event_type,
        disposition as value_code,
        report_date as event_date
    from reports
    union all
    select
        source_person_key,
        source_record_key,
        'adult_maltreatment_finding' as event_type,
        disposition as value_code,
        closed_date as event_date
    from reports
    where disposition = 'substantiated' and closed_date is not null

),

event_rows as (

    {{ event_rows('protection_events', 'adult_protection', has=['value_code']) }}

)

select * from event_rows
