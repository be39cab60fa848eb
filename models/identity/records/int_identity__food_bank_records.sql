with

visits as (

    select * from {{ ref('stg_food_bank__visits') }}

),

records as (

    select
        'food_bank' as source_system,
        source_client_id as source_person_key,
        first_name,
        cast(null as text) as middle_name,
        last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        cast(null as text) as ssn_last4,
        cast(null as text) as street_address,
        cast(null as text) as unit,
        zip,
        cast(null as text) as plurality_order,
        cast(null as text) as sex,
        birth_date,
        birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from visits
    group by
        source_client_id, first_name, last_name, zip, birth_date, birth_date_precision

)

select * from records
