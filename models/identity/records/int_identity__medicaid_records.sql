with

eligibles as (

    select * from {{ ref('stg_medicaid__eligibles') }}

),

records as (

    select
        'medicaid' as source_system,
        source_msis_id as source_person_key,
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
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from eligibles
    group by
        source_msis_id, first_name, middle_name, last_name, suffix, ssn, street_address, unit,
        zip, sex, birth_date

)

select * from records
