with

arrests as (

    select * from {{ ref('stg_police__arrests') }}

),

arrest_events as (

    select
        source_person_index_id as source_person_key,
        source_arrest_id as source_record_key,
        'arrest' as event_type,
        offense_code as value_code,
        arrest_date as event_date
    from arrests
    where arrest_date is not null

),

event_rows as (

    {{ event_rows('arrest_events', 'police', has=['value_code']) }}

)

select * from event_rows
