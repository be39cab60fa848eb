with

accounts as (

    select * from {{ ref('stg_utility__accounts') }}

),

records as (

    select
        'utility' as source_system,
        source_customer_id as source_person_key,
        first_name,
        middle_name,
        last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        ssn_last4,
        street_address,
        unit,
        zip,
        cast(null as text) as plurality_order,
        cast(null as text) as sex,
        cast(null as date) as birth_date,
        cast(null as text) as birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from accounts
    group by
        source_customer_id, first_name, middle_name, last_name, ssn_last4, street_address, unit, zip

)

select * from records
