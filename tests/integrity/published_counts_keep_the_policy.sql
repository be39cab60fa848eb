{#-
What is this test?
    Every count of persons in an indicator is null or at least the minimum and a multiple of the
    base, and a count of both programs is never above the count of either.
Why it matters
    One exact or small count can give a person away; a part above its whole shows that a count was
    not made from the same persons.
How to fix
    The column does not go through published_count(), or counts something else than persons.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'program_overlap'}}}) }}

with

program_overlaps as (

    select * from {{ ref('program_overlap') }}

),

cohort_outcomes as (

    select * from {{ ref('cohort_outcomes') }}

),

disclosure as (

    select * from {{ ref('policy_disclosure') }}

),

counts as (

    select persons_a as n_persons from program_overlaps
    union all
    select persons_b as n_persons from program_overlaps
    union all
    select persons_both as n_persons from program_overlaps
    union all
    select persons as n_persons from cohort_outcomes
    union all
    select persons_observed as n_persons from cohort_outcomes
    union all
    select persons_exposed as n_persons from cohort_outcomes

),

against_policy as (

    select
        'against the policy' as problem,
        counts.n_persons
    from counts
    cross join disclosure
    where
        -- rounding takes a count of the minimum down by half a base at most
        counts.n_persons < disclosure.minimum_count - disclosure.rounding_base / 2.0
        or mod(counts.n_persons, disclosure.rounding_base) <> 0

),

above_the_whole as (

    select
        'part above its whole' as problem,
        persons_both as n_persons
    from program_overlaps
    where
        persons_both > persons_a
        or persons_both > persons_b
        or (persons_both is not null and (persons_a is null or persons_b is null))
    union all
    select
        'part above its whole' as problem,
        persons_exposed as n_persons
    from cohort_outcomes
    where
        persons_exposed > persons_observed
        or persons_observed > persons
        or (persons_exposed is not null and persons_observed is null)
        or (persons_observed is not null and persons is null)

),

problems as (

    select * from against_policy
    union all
    select * from above_the_whole

)

select * from problems
