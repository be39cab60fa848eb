{#-
What is this test?
    Source spells that begin before the month of birth of their person or after the death.
Why it matters
    A few are slips of a clerk; many mean that two people were linked into one.
How to fix
    Look for a source system that stands out. If the persons have several source persons, give their
    links to the steward for review; if not, tell the agency.

A warning, because agencies do deliver such rows; an error above one in a hundred source spells. What
is reported is how many of ten thousand are outside, rounded up: 7 in a county of 20,000 persons
(2026-11-23). A number of rows, 200, stopped the build of a county of a million (2026-11-26).
-#}
{{ config(
    severity='error', warn_if='>0', error_if='>100',
    fail_calc='coalesce(max(per_ten_thousand), 0)',
    meta={'dagster': {'ref': {'name': 'spell_source'}}}
) }}

with

source_spells as (

    select * from {{ ref('spell_source') }}

),

persons as (

    select * from {{ ref('person') }}

),

counted as (

    select count(*) as n_source_spells
    from source_spells

),

outside_life as (

    select
        source_spells.spell_source_id,
        source_spells.source_system,
        source_spells.program_id
    from source_spells
    inner join persons
        on source_spells.person_id = persons.person_id
    where
        {{ first_of_month('source_spells.start_date') }} < persons.birth_month
        or source_spells.start_date > persons.death_date

),

shares as (

    select
        outside_life.*,
        ceil(10000.0 * count(*) over () / counted.n_source_spells) as per_ten_thousand
    from outside_life
    cross join counted

)

select * from shares
