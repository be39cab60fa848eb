with

family_members as (

    select * from {{ ref('stg_child_care__family_members') }}

),

records as (

    select
        'child_care' as source_system,
        source_member_id as source_person_key,
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
        birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from family_members
    group by
        source_member_id, first_name, middle_name, last_name, suffix, street_address, unit,
        zip, sex, birth_date, birth_date_precision

)

select * from records
