{#-
What is this test?
    Source spells that begin before the month of birth of their person or after the death.
Why it matters
    A few are slips of a clerk; many mean that two people were linked into one.
How to fix
    Look for a source system that stands out. If the persons have several source persons, give their
    links to the steward for review; if not, tell the agency.

A warning, because agencies do deliver such rows; an error above 200, one in a hundred of the source
spells of a county of 20,000 persons (13 were found there on 2026-11-23).
-#}
{{ config(
    severity='error', warn_if='>0', error_if='>200',
    meta={'dagster': {'ref': {'name': 'spell_source'}}}
) }}

with

source_spells as (

    select * from {{ ref('spell_source') }}

),

persons as (

    select * from {{ ref('person') }}

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

)

select * from outside_life
