with

referrals as (

    select * from {{ ref('stg_early_intervention__referrals') }}

),

families as (

    select * from {{ ref('stg_early_intervention__home_visiting_families') }}

),

part_c as (

    select
        'part_c' as source_system,
        source_child_id as source_person_key,
        first_name,
        middle_name,
        last_name,
        cast(null as text) as suffix,
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
    from referrals
    group by
        source_child_id, first_name, middle_name, last_name, street_address, unit, zip, sex,
        birth_date

),

caregivers as (

    select
        'home_visiting_caregiver' as source_system,
        source_enrollment_id as source_person_key,
        caregiver_first_name as first_name,
        cast(null as text) as middle_name,
        caregiver_last_name as last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        cast(null as text) as ssn_last4,
        street_address,
        unit,
        zip,
        cast(null as text) as plurality_order,
        cast(null as text) as sex,
        caregiver_birth_date as birth_date,
        case when caregiver_birth_date is not null then 'day' end as birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from families

),

children as (

    select
        'home_visiting_child' as source_system,
        source_enrollment_id as source_person_key,
        child_first_name as first_name,
        cast(null as text) as middle_name,
        child_last_name as last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        cast(null as text) as ssn_last4,
        street_address,
        unit,
        zip,
        cast(null as text) as plurality_order,
        child_sex as sex,
        child_birth_date as birth_date,
        'day' as birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from families
    where child_birth_date is not null

),

unioned as (

    select * from part_c
    union all
    select * from caregivers
    union all
    select * from children

)

select * from unioned
