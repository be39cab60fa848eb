with

enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

records as (

    select
        'head_start' as source_system,
        source_child_id as source_person_key,
        first_name,
        middle_name,
        last_name,
        suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
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
    from enrollments
    group by
        source_child_id, first_name, middle_name, last_name, suffix, street_address, unit,
        zip, sex, birth_date

)

select * from records
