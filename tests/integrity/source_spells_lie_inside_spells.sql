{#-
What is this test?
    Every day of a source spell that its source covered, up to the death of the person, lies inside
    exactly one spell of that person and program.
Why it matters
    Days lost here are participation that no mart will ever show; a source spell in two spells is
    counted twice.
How to fix
    Compare core.spell_source and core.spell for the person and program of a row. The fault is in
    the bounds that models/core/spell.sql sets before it collapses.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'spell'}}}) }}

with

source_spells as (

    select * from {{ ref('spell_source') }}

),

spells as (

    select * from {{ ref('spell') }}

),

persons as (

    select * from {{ ref('person') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

coverage_ends as (

    select
        source_system,
        program_id,
        max(coverage_end) as coverage_end
    from coverage
    group by source_system, program_id

),

expected as (

    select
        source_spells.spell_source_id,
        source_spells.person_id,
        source_spells.program_id,
        source_spells.start_date,
        {{ earlier_of(
            earlier_of('coverage_ends.coverage_end', 'source_spells.last_day'),
            'persons.death_date'
        ) }} as last_observed_day
    from source_spells
    inner join persons
        on source_spells.person_id = persons.person_id
    inner join coverage_ends
        on
            source_spells.source_system = coverage_ends.source_system
            and source_spells.program_id = coverage_ends.program_id

),

homes as (

    select
        expected.spell_source_id,
        count(spells.spell_id) as n_spells
    from expected
    left join spells
        on
            expected.person_id = spells.person_id
            and expected.program_id = spells.program_id
            and expected.start_date >= spells.start_date
            and expected.last_observed_day <= spells.last_observed_day
    where expected.start_date <= expected.last_observed_day
    group by expected.spell_source_id

)

select *
from homes
where n_spells <> 1
