with

source_rows as (

    select * from {{ ref('stg_utility__accounts') }}

),

utility_shutoffs as (

    select distinct
        source_customer_id as source_person_key,
        {{ dbt.concat(['source_account_id', "'|'", 'shutoff_date']) }} as source_record_key,
        'utility_shutoff' as event_type,
        shutoff_date as event_date
    from source_rows
    where shutoff_date is not null

),

event_rows as (

    {{ event_rows('utility_shutoffs', 'utility') }}

)

select * from event_rows
