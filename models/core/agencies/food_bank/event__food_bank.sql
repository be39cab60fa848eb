with

source_rows as (

    select * from {{ ref('stg_food_bank__visits') }}

),

food_bank_visits as (

    select
        source_client_id as source_person_key,
        {{ dbt.concat(['source_client_id', "'|'", 'visit_date']) }} as source_record_key,
        'food_bank_visit' as event_type,
        'pounds' as value_unit,
        pounds as value_number,
        visit_date as event_date
    from source_rows
    where visit_date is not null

),

event_rows as (

    {{ event_rows('food_bank_visits', 'food_bank', has=['value_unit', 'value_number']) }}

)

select * from event_rows
