{#-
What is this test?
    Every exposure through a parent lies inside a link to that parent and in the childhood; what
    could not be observed is never false.
Why it matters
    A parent's stay in jail before the child was born is no experience of the child, and a zero of a
    source that never looked is a wrong zero.
How to fix
    Look at the links and the coverage in adversity_indicators.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'adversity_indicators'}}}) }}

with

indicators as (

    select * from {{ ref('adversity_indicators') }}

),

relationships as (

    select * from {{ ref('person_relationship') }}

),

persons as (

    select * from {{ ref('person') }}

),

outside_the_link as (

    select
        indicators.person_id,
        indicators.indicator,
        'outside the link' as problem
    from indicators
    left join relationships
        on
            indicators.person_id = relationships.person_id
            and indicators.exposed_via = relationships.relationship_type
            and indicators.first_date >= relationships.start_date
            and (
                relationships.last_day is null or indicators.first_date <= relationships.last_day
            )
    where
        indicators.exposed_via in ('mother', 'father')
        and indicators.first_date is not null
        and relationships.person_id is null

),

outside_childhood as (

    select
        indicators.person_id,
        indicators.indicator,
        'before birth' as problem
    from indicators
    inner join persons
        on indicators.person_id = persons.person_id
    where indicators.first_date < persons.birth_month

),

unobserved_zero as (

    select
        person_id,
        indicator,
        'false where nobody looked' as problem
    from indicators
    where not is_exposed and not is_observable

)

select * from outside_the_link
union all
select * from outside_childhood
union all
select * from unobserved_zero
