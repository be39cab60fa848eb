with

contacts as (

    select * from {{ ref('stg_helpline__contacts') }}

),

records as (

    select
        'helpline' as source_system,
        source_caller_ref as source_person_key,
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
        cast(null as date) as birth_date,
        cast(null as text) as birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from contacts
    where not is_anonymous
    group by
        source_caller_ref, first_name, last_name, zip

)

select * from records
