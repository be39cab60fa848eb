with

patients as (

    select * from {{ ref('stg_clinic__patients') }}

),

records as (

    select
        'clinic' as source_system,
        source_patient_id as source_person_key,
        first_name,
        cast(null as text) as middle_name,
        last_name,
        suffix,
        maiden_name,
        ssn,
        cast(null as text) as ssn_last4,
        street_address,
        cast(null as text) as unit,
        zip,
        cast(null as text) as plurality_order,
        sex,
        birth_date,
        case when birth_date is not null then 'day' end as birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from patients
    group by
        source_patient_id, first_name, last_name, suffix, maiden_name, ssn, street_address, zip,
        sex, birth_date

)

select * from records
