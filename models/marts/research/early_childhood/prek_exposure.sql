with

transitions as (

    select * from {{ ref('transition') }}

),

program_sets as (

    select * from {{ ref('policy_program_set') }}

),

spells as (

    select * from {{ ref('spell') }}

),

coverage as (

    select * from {{ ref('program_coverage') }}

),

windows as (

    select
        transitions.person_id,
        program_sets.program_set,
        program_sets.program_id,
        transitions.transition_date as window_end,
        {{ add_months('transitions.transition_date', -12) }} as window_start
    from transitions
    cross join program_sets
    where
        transitions.transition_type = 'kindergarten_entry'
        and program_sets.program_set in ('center_based', 'early_care')

),

stretches as (

    select
        windows.person_id,
        windows.program_set,
        windows.program_id,
        {{ later_of('windows.window_start', 'coverage.coverage_start') }} as start_date,
        {{ earlier_of('windows.window_end', add_days('coverage.coverage_end', 1)) }}
            as end_date_excl
    from windows
    inner join coverage
        on
            windows.program_id = coverage.program_id
            and windows.window_start <= coverage.coverage_end
            and windows.window_end > coverage.coverage_start

),

observed as (

    select
        person_id,
        program_set,
        program_id,
        sum({{ days_between('start_date', 'end_date_excl') }}) as observed_days
    from stretches
    group by person_id, program_set, program_id

),

stays as (

    select
        windows.person_id,
        windows.program_set,
        windows.program_id,
        {{ later_of('windows.window_start', 'spells.start_date') }} as start_date,
        {{ earlier_of('windows.window_end', add_days('spells.last_observed_day', 1)) }}
            as end_date_excl
    from windows
    inner join spells
        on
            windows.person_id = spells.person_id
            and windows.program_id = spells.program_id
            and windows.window_start <= spells.last_observed_day
            and windows.window_end > spells.start_date

),

months_touched as (

    {{ spell_months('stays') }}

),

exposed as (

    select
        person_id,
        program_set,
        min(start_date) as first_date,
        count(distinct month) as n_months_exposed,
        count(distinct program_id) as n_programs
    from months_touched
    group by person_id, program_set

),

entries as (

    select
        windows.person_id,
        windows.program_set,
        windows.window_start,
        windows.window_end,
        count(*) as n_programs,
        count(case
            when
                observed.observed_days
                = {{ days_between('windows.window_start', 'windows.window_end') }}
                then 1
        end) as n_programs_observed,
        coalesce(min(coalesce(observed.observed_days, 0)), 0) as observed_days
    from windows
    left join observed
        on
            windows.person_id = observed.person_id
            and windows.program_set = observed.program_set
            and windows.program_id = observed.program_id
    group by windows.person_id, windows.program_set, windows.window_start, windows.window_end

),

prek_exposures as (

    select
        -- identifiers
        entries.person_id,
        entries.program_set,

        -- measures
        cast(coalesce(exposed.n_months_exposed, 0) as integer) as n_months_exposed,
        cast(coalesce(exposed.n_programs, 0) as integer) as n_programs,
        cast(entries.observed_days as integer) as observed_days,

        -- flags
        case
            when exposed.n_programs > 0 then true
            when entries.n_programs_observed = entries.n_programs then false
        end as was_exposed,
        entries.n_programs_observed = entries.n_programs as is_fully_observed,

        -- dates
        entries.window_end as kindergarten_entry_date,
        entries.window_start,
        exposed.first_date
    from entries
    left join exposed
        on
            entries.person_id = exposed.person_id
            and entries.program_set = exposed.program_set

)

select * from prek_exposures
