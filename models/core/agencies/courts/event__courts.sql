with

charges as (

    select * from {{ ref('stg_courts__charges') }}

),

dispositions as (

    select * from {{ ref('ref_court_disposition') }}

),

numbered as (

    select
        charges.source_case_id as source_person_key,
        {{ dbt.concat(['charges.source_case_id', "'|'", 'charges.charge_number']) }}
            as source_record_key,
        charges.statute_class_code,
        dispositions.disposition_std_code,
        charges.sentence_days,
        charges.filed_date,
        charges.disposition_date
    from charges
    left join dispositions
        on charges.disposition_code = dispositions.disposition_code

),

court_events as (

    select
        source_person_key,
        source_record_key,
        'charge_filed' as event_type,
        statute_class_code as value_code,
        cast(null as {{ dbt.type_string() }}) as value_unit,
        cast(null as numeric(14, 4)) as value_number,
        filed_date as event_date
    from numbered
    where filed_date is not null
    union all
    select
        source_person_key,
        source_record_key,
        'charge_disposed' as event_type,
        disposition_std_code as value_code,
        case when sentence_days is not null then 'days' end as value_unit,
        sentence_days as value_number,
        disposition_date as event_date
    from numbered
    where disposition_date is not null

),

event_rows as (

    {{ event_rows(
        'court_events', 'courts', has=['value_code', 'value_unit', 'value_number'],
        key_system="'court_case'"
    ) }}

)

select * from event_rows
