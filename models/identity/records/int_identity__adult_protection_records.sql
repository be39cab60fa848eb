with

investigations as (

    select * from {{ ref('stg_adult_protection__investigations') }}

),

records as (

    select
        'adult_protection' as source_system,
        source_client_id as source_person_key,
        first_name,
        middle_name,
        last_name,
        suffix,
        cast(null as text) as maiden_name,
        ssn,
        cast(null as text) as ssn_last4,
        street_address,
        unit,
        zip,
        cast(null as text) as plurality_order,
        sex,
        birth_date,
        birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from investigations
    group by
        source_client_id, first_name, middle_name, last_name, suffix, ssn, street_address,
        unit, zip, sex, birth_date, birth_date_precision

)

select * from records
