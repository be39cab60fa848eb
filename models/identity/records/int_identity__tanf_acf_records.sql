with

adults as (

    select * from {{ ref('stg_tanf_acf__adults') }}

),

children as (

    select * from {{ ref('stg_tanf_acf__children') }}

),

members as (

    select
        source_family_member_id,
        ssn,
        sex,
        birth_date,
        load_id
    from adults
    union all
    select
        source_family_member_id,
        ssn,
        sex,
        birth_date,
        load_id
    from children

),

records as (

    select
        'tanf_acf' as source_system,
        source_family_member_id as source_person_key,
        cast(null as text) as first_name,
        cast(null as text) as middle_name,
        cast(null as text) as last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        ssn,
        cast(null as text) as ssn_last4,
        cast(null as text) as street_address,
        cast(null as text) as unit,
        cast(null as text) as zip,
        cast(null as text) as plurality_order,
        sex,
        birth_date,
        case when birth_date is not null then 'day' end as birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from members
    group by source_family_member_id, ssn, sex, birth_date

)

select * from records
