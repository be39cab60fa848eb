with

case_stays as (

    select * from {{ ref('household_case_stay') }}

),

dwelling_stays as (

    select * from {{ ref('household_dwelling_stay') }}

),

relationships as (

    select * from {{ ref('person_relationship') }}

),

household_policy as (

    select * from {{ ref('policy_household') }}

),

-- A certificate says who was together at a birth, in the month of the birth, and nothing later.
deliveries as (

    select
        related_person_id as mother_person_id,
        person_id as child_person_id,
        start_date as birth_month
    from relationships
    where relationship_type = 'mother'

),

birth_members as (

    select
        mother_person_id,
        birth_month,
        mother_person_id as person_id,
        'head' as role
    from deliveries
    group by mother_person_id, birth_month
    union all
    select
        mother_person_id,
        birth_month,
        child_person_id as person_id,
        'child' as role
    from deliveries

),

unioned as (

    select
        household_id,
        person_id,
        program_id,
        source_system,
        'program_case' as basis,
        role,
        start_date,
        last_observed_day,
        last_observed_day as last_assumed_day
    from case_stays
    union all
    select
        household_id,
        person_id,
        cast(null as {{ dbt.type_string() }}) as program_id,
        source_system,
        'co_residence' as basis,
        cast(null as {{ dbt.type_string() }}) as role,
        start_date,
        last_observed_day,
        last_assumed_day
    from dwelling_stays
    union all
    select
        {{ surrogate_key(["'birth'", 'mother_person_id', 'birth_month']) }} as household_id,
        person_id,
        cast(null as {{ dbt.type_string() }}) as program_id,
        'vital' as source_system,
        'birth' as basis,
        role,
        birth_month as start_date,
        {{ last_day(add_months('birth_month', 1)) }} as last_observed_day,
        {{ last_day(add_months('birth_month', 1)) }} as last_assumed_day
    from birth_members

),

memberships as (

    select
        -- identifiers
        unioned.household_id,
        unioned.person_id,
        unioned.program_id,
        unioned.source_system,

        -- attributes
        unioned.basis,
        unioned.role,
        household_policy.confidence,

        -- flags
        unioned.role = 'head' as is_head,

        -- dates
        unioned.start_date,
        unioned.last_observed_day,
        unioned.last_assumed_day
    from unioned
    inner join household_policy
        on
            unioned.basis = household_policy.basis
            and household_policy.evidence <> 'carried'
            and household_policy.source_system in (unioned.source_system, 'any')

)

select * from memberships
