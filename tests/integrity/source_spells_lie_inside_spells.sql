{#-
What is this test?
    Every day of a source spell that its source covered, up to the death of the person, lies inside
    exactly one spell of that person and program. Where the rule of the program may shorten the
    spell (truncate_previous, inactivity, age), its first day does.
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

programs as (

    select * from {{ ref('program') }}

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
        {{ add_months('persons.birth_month', '12 * programs.max_age_years + 1') }} as too_old_date,
        case
            when
                programs.overlap_policy = 'truncate_previous'
                or (source_spells.last_day is null and programs.inactivity_days is not null)
                then source_spells.start_date
            else {{ earlier_of('coverage_ends.coverage_end', 'source_spells.last_day') }}
        end as last_day,
        persons.death_date
    from source_spells
    inner join programs
        on source_spells.program_id = programs.program_id
    inner join persons
        on source_spells.person_id = persons.person_id
    inner join coverage_ends
        on
            source_spells.source_system = coverage_ends.source_system
            and source_spells.program_id = coverage_ends.program_id
    where
        source_spells.start_date <= coverage_ends.coverage_end
        and (
            persons.birth_month is null
            or programs.max_age_years is null
            or {{ months_between('persons.birth_month', 'source_spells.start_date') }}
            <= 12 * programs.max_age_years
        )

),

bounded as (

    select
        spell_source_id,
        person_id,
        program_id,
        start_date,
        {{ earlier_of(earlier_of('last_day', 'death_date'), last_day('too_old_date')) }}
            as last_observed_day
    from expected

),

homes as (

    select
        bounded.spell_source_id,
        count(spells.spell_id) as n_spells
    from bounded
    left join spells
        on
            bounded.person_id = spells.person_id
            and bounded.program_id = spells.program_id
            and bounded.start_date >= spells.start_date
            and bounded.last_observed_day <= spells.last_observed_day
    where bounded.start_date <= bounded.last_observed_day
    group by bounded.spell_source_id

)

select *
from homes
where n_spells <> 1
