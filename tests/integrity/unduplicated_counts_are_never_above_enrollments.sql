{#-
What is this test?
    Children counted once are never more than children counted once a program, counted from the
    persons: enrollments less persons is what children have beyond their first program. Published
    counts keep the policy and a part is never above its whole.
Why it matters
    An unduplicated count that a duplicated one falls below was made of other children.
How to fix
    Look at the joins of unduplicated_counts on the program set, the year, the place and the age.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'unduplicated_counts'}}}) }}

with

child_years as (

    select * from {{ ref('child_program_years') }}

),

program_sets as (

    select * from {{ ref('policy_program_set') }}

),

published as (

    select * from {{ ref('unduplicated_counts') }}

),

disclosure as (

    select * from {{ ref('policy_disclosure') }}

),

children as (

    select
        program_sets.program_set,
        child_years.calendar_year,
        child_years.person_id,
        count(*) as n_programs
    from child_years
    inner join program_sets
        on child_years.program_id = program_sets.program_id
    group by program_sets.program_set, child_years.calendar_year, child_years.person_id

),

-- Inclusion and exclusion over children: once each = all enrollments less those beyond the first.
counted as (

    select
        program_set,
        calendar_year,
        count(*) as n_persons,
        sum(n_programs) - sum(n_programs - 1) as n_by_exclusion
    from children
    group by program_set, calendar_year

),

problems as (

    select
        published.program_set,
        published.calendar_year,
        'not the children of child_program_years' as problem
    from published
    cross join disclosure
    left join counted
        on
            published.program_set = counted.program_set
            and published.calendar_year = counted.calendar_year
    where
        published.place_type = 'county'
        and published.age_band = 'birth_to_5'
        and disclosure.policy = 'default'
        and (
            abs(published.persons - counted.n_by_exclusion) * 2 > disclosure.rounding_base
            or published.is_suppressed
            <> (coalesce(counted.n_persons, 0) < disclosure.minimum_count)
        )
    union all
    select
        published.program_set,
        published.calendar_year,
        'a part above its whole' as problem
    from published
    where
        published.persons > published.enrollments
        or published.persons_in_several > published.persons
    union all
    select
        published.program_set,
        published.calendar_year,
        'against the policy' as problem
    from published
    cross join disclosure
    where
        disclosure.policy = 'default'
        and (
            mod(published.persons, disclosure.rounding_base) <> 0
            or published.persons < disclosure.minimum_count - disclosure.rounding_base / 2.0
            or mod(published.residents, disclosure.rounding_base) <> 0
        )

)

select * from problems
