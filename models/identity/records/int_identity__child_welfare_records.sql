with

clients as (

    select * from {{ ref('stg_child_welfare__clients') }}

),

records as (

    select
        'child_welfare' as source_system,
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
        case when birth_date is not null then 'day' end as birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from clients

)

select * from records
