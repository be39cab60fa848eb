with

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

identity_records as (

    select * from {{ ref('identity_record') }}

),

race_ethnicity_reported as (

    select * from {{ ref('int_identity__race_ethnicity_reported') }}

),

priorities as (

    select * from {{ ref('policy_survivorship') }}

),

told as (

    select
        source_system,
        source_person_key,
        'sex' as attribute,
        sex as value_code
    from identity_records
    where sex is not null
    union all
    select
        source_system,
        source_person_key,
        'race_ethnicity' as attribute,
        race_ethnicity as value_code
    from race_ethnicity_reported
    where race_ethnicity is not null

),

counted as (

    select
        -- identifiers
        crosswalk.person_id,

        -- attributes
        told.attribute,
        told.source_system,
        told.value_code,

        -- measures
        cast(count(*) as integer) as n_records,
        priorities.priority as priority_rank
    from told
    inner join crosswalk
        on
            told.source_system = crosswalk.source_system
            and told.source_person_key = crosswalk.source_person_key
    left join priorities
        on
            told.attribute = priorities.attribute
            and told.source_system = priorities.source_system
    group by
        crosswalk.person_id, told.attribute, told.source_system, told.value_code,
        priorities.priority

)

select * from counted
