with

staff as (

    select * from {{ ref('stg_k12__staff') }}

),

records as (

    select
        'k12_staff' as source_system,
        source_staff_id as source_person_key,
        first_name,
        middle_name,
        last_name,
        suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        ssn_last4,
        cast(null as text) as street_address,
        cast(null as text) as unit,
        cast(null as text) as zip,
        cast(null as text) as plurality_order,
        sex,
        birth_date,
        case when birth_date is not null then 'day' end as birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from staff

)

select * from records
