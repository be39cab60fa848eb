with

births as (

    select * from {{ ref('stg_vital__births') }}

),

deaths as (

    select * from {{ ref('stg_vital__deaths') }}

),

children as (

    select
        'vital_child' as source_system,
        source_birth_id as source_person_key,
        child_first_name as first_name,
        child_middle_name as middle_name,
        child_last_name as last_name,
        child_suffix as suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        cast(null as text) as ssn_last4,
        street_address,
        unit,
        zip,
        birth_order as plurality_order,
        sex,
        birth_date,
        birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from births

),

mothers as (

    select
        'vital_mother' as source_system,
        source_birth_id as source_person_key,
        mother_first_name as first_name,
        mother_middle_name as middle_name,
        mother_last_name as last_name,
        cast(null as text) as suffix,
        mother_maiden_name as maiden_name,
        mother_ssn as ssn,
        cast(null as text) as ssn_last4,
        street_address,
        unit,
        zip,
        cast(null as text) as plurality_order,
        'F' as sex,
        mother_birth_date as birth_date,
        mother_birth_date_precision as birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from births

),

-- A father's address is not on the certificate: he need not live with the mother.
fathers as (

    select
        'vital_father' as source_system,
        source_birth_id as source_person_key,
        father_first_name as first_name,
        father_middle_name as middle_name,
        father_last_name as last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        father_ssn as ssn,
        cast(null as text) as ssn_last4,
        cast(null as text) as street_address,
        cast(null as text) as unit,
        cast(null as text) as zip,
        cast(null as text) as plurality_order,
        'M' as sex,
        father_birth_date as birth_date,
        father_birth_date_precision as birth_date_precision,
        load_id as first_load_id,
        load_id as last_load_id
    from births
    where father_first_name is not null or father_last_name is not null

),

decedents as (

    select
        'vital_death' as source_system,
        source_death_id as source_person_key,
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
        load_id as first_load_id,
        load_id as last_load_id
    from deaths

),

unioned as (

    select * from children
    union all
    select * from mothers
    union all
    select * from fathers
    union all
    select * from decedents

)

select * from unioned
