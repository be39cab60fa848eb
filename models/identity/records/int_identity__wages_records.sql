with

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

records as (

    select
        'wages' as source_system,
        source_worker_id as source_person_key,
        first_name,
        middle_name,
        last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        ssn,
        cast(null as text) as ssn_last4,
        cast(null as text) as street_address,
        cast(null as text) as unit,
        cast(null as text) as zip,
        cast(null as text) as plurality_order,
        cast(null as text) as sex,
        cast(null as date) as birth_date,
        cast(null as text) as birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from wages
    group by source_worker_id, first_name, middle_name, last_name, ssn

)

select * from records
