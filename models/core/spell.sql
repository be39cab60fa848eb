with

source_spells as (

    select * from {{ ref('spell_source') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

program_coverage as (

    select
        program_id,
        coverage_start as start_date,
        {{ add_days('coverage_end', 1) }} as end_date_excl
    from {{ ref('program_coverage') }}

),

programs as (

    select * from {{ ref('program') }}

),

persons as (

    select * from {{ ref('person') }}

),

source_coverage_ends as (

    select
        source_system,
        program_id,
        max(coverage_end) as coverage_end
    from coverage
    where program_id is not null
    group by source_system, program_id

),

-- Inside, every spell is half-open. One that nobody closed ends by the rule of its program.
closed as (

    select
        source_spells.person_id,
        source_spells.program_id,
        source_spells.spell_source_id,
        programs.grace_days,
        programs.overlap_policy,
        source_spells.last_day is null as is_open,
        source_spells.start_date,
        {{ assume_end(
            'source_spells.start_date', add_days('source_spells.last_day', 1),
            'source_spells.last_activity_date', 'programs.inactivity_days',
            'source_coverage_ends.coverage_end'
        ) }} as end_date_excl,
        {{ add_months('persons.birth_month', '12 * programs.max_age_years + 1') }}
            as too_old_date,
        source_coverage_ends.coverage_end,
        {{ add_days('persons.death_date', 1) }} as after_death_date
    from source_spells
    inner join programs
        on source_spells.program_id = programs.program_id
    inner join persons
        on source_spells.person_id = persons.person_id
    inner join source_coverage_ends
        on
            source_spells.source_system = source_coverage_ends.source_system
            and source_spells.program_id = source_coverage_ends.program_id

),

-- Cut where the source stopped looking, where the program ends by age, at death.
bounded as (

    select
        person_id,
        program_id,
        spell_source_id,
        grace_days,
        overlap_policy,
        is_open and end_date_excl is not null as is_end_assumed,
        start_date,
        {{ earlier_of(
            earlier_of(censor_at_coverage('end_date_excl', 'coverage_end'), 'too_old_date'),
            'after_death_date'
        ) }} as end_date_excl
    from closed

),

-- At most one school at a time: an enrolment that was never closed ends where the next begins. The
-- other policies (allow, merge, priority) leave the same days in the program, and the days are what
-- a spell of a program is made of.
truncated as (

    select
        person_id,
        program_id,
        grace_days,
        is_end_assumed,
        start_date,
        case
            when overlap_policy = 'truncate_previous'
                then {{ truncated_end('person_id, program_id', 'spell_source_id') }}
            else end_date_excl
        end as end_date_excl
    from bounded
    where start_date < end_date_excl

),

possible as (

    select *
    from truncated
    where start_date < end_date_excl

),

assumed_ends as (

    select distinct
        person_id,
        program_id,
        end_date_excl
    from possible
    where is_end_assumed

),

collapsed as (

    {{ collapse_spells(
        'possible', ['person_id', 'program_id', 'grace_days'], grace_days='grace_days'
    ) }}

),

censored as (

    select
        collapsed.person_id,
        collapsed.program_id,
        collapsed.spell_number,
        collapsed.n_source_spells,
        collapsed.gap_days_bridged,
        collapsed.grace_days,
        collapsed.start_date,
        collapsed.end_date_excl,
        lag(collapsed.end_date_excl) over (
            partition by collapsed.person_id, collapsed.program_id order by collapsed.spell_number
        ) as previous_end_date_excl,
        persons.birth_month,
        coalesce(collapsed.end_date_excl = {{ add_days('persons.death_date', 1) }}, false)
            as is_ended_by_death,
        assumed_ends.end_date_excl is not null as is_end_assumed,
        coverage_at_end.end_date_excl as coverage_end_date_excl,
        coalesce(collapsed.start_date <= coverage_at_start.start_date, true) as is_left_censored,
        coalesce(collapsed.end_date_excl >= coverage_at_end.end_date_excl, false)
            as reaches_coverage_end
    from collapsed
    inner join persons
        on collapsed.person_id = persons.person_id
    left join assumed_ends
        on
            collapsed.person_id = assumed_ends.person_id
            and collapsed.program_id = assumed_ends.program_id
            and collapsed.end_date_excl = assumed_ends.end_date_excl
    left join program_coverage as coverage_at_start
        on
            collapsed.program_id = coverage_at_start.program_id
            and collapsed.start_date >= coverage_at_start.start_date
            and collapsed.start_date < coverage_at_start.end_date_excl
    left join program_coverage as coverage_at_end
        on
            collapsed.program_id = coverage_at_end.program_id
            and collapsed.end_date_excl > coverage_at_end.start_date
            and collapsed.end_date_excl <= coverage_at_end.end_date_excl

),

spells as (

    select
        -- identifiers
        {{ surrogate_key(['censored.person_id', 'censored.program_id', 'censored.start_date']) }}
            as spell_id,
        censored.person_id,
        censored.program_id,

        -- attributes
        programs.rule_version,

        -- measures
        cast(censored.spell_number as integer) as spell_number,
        {{ days_between('censored.start_date', 'censored.end_date_excl') }} as duration_days,
        {{ days_between('censored.previous_end_date_excl', 'censored.start_date') }}
            as prior_gap_days,
        censored.n_source_spells,
        censored.gap_days_bridged,
        censored.grace_days,
        {{ months_between('censored.birth_month', 'censored.start_date') }}
            as age_start_months,

        -- flags
        censored.is_left_censored,
        censored.reaches_coverage_end and not censored.is_ended_by_death as is_right_censored,
        censored.is_ended_by_death,
        censored.is_end_assumed,

        -- dates
        censored.start_date,
        case
            when not censored.reaches_coverage_end or censored.is_ended_by_death
                then {{ last_day('censored.end_date_excl') }}
        end as last_day,
        {{ last_day('censored.end_date_excl') }} as last_observed_day,
        case
            when censored.reaches_coverage_end and not censored.is_ended_by_death
                then {{ last_day('censored.end_date_excl') }}
        end as censor_date
    from censored
    inner join programs
        on censored.program_id = programs.program_id

)

select * from spells
