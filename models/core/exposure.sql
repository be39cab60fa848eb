with

windows as (

    select * from {{ ref('policy_exposure_window') }}

),

transitions as (

    select * from {{ ref('transition') }}

),

spells as (

    select * from {{ ref('spell') }}

),

coverage as (

    select * from {{ ref('program_coverage') }}

),

persons as (

    select * from {{ ref('person') }}

),

placed as (

    select
        transitions.transition_id,
        transitions.person_id,
        windows.exposure,
        windows.program_id,
        windows.rule_version,
        transitions.transition_date as anchor_date,
        {{ add_days('persons.death_date', 1) }} as after_death_date,
        case
            when windows.offset_unit = 'month'
                then {{ add_months('transitions.transition_date', 'windows.offset_start') }}
            else {{ add_days('transitions.transition_date', 'windows.offset_start') }}
        end as window_start,
        case
            when windows.offset_unit = 'month'
                then {{ add_months('transitions.transition_date', 'windows.offset_end') }}
            else {{ add_days('transitions.transition_date', 'windows.offset_end') }}
        end as planned_end
    from windows
    inner join transitions
        on windows.anchor_transition = transitions.transition_type
    inner join persons
        on transitions.person_id = persons.person_id

),

-- Nobody is exposed to anything after death: a window ends there.
bounded as (

    select
        placed.*,
        {{ earlier_of('planned_end', 'after_death_date') }} as window_end
    from placed

),

observed_stretches as (

    select
        bounded.transition_id,
        bounded.exposure,
        bounded.person_id,
        bounded.program_id,
        {{ later_of('bounded.window_start', 'coverage.coverage_start') }} as start_date,
        {{ earlier_of('bounded.window_end', add_days('coverage.coverage_end', 1)) }}
            as end_date_excl
    from bounded
    inner join coverage
        on
            bounded.program_id = coverage.program_id
            and bounded.window_start <= coverage.coverage_end
            and bounded.window_end > coverage.coverage_start
    where bounded.window_start < bounded.window_end

),

observed as (

    select
        person_id,
        transition_id,
        exposure,
        sum({{ days_between('start_date', 'end_date_excl') }}) as observed_days
    from observed_stretches
    group by person_id, transition_id, exposure

),

exposed_stretches as (

    select
        observed_stretches.person_id,
        observed_stretches.transition_id,
        observed_stretches.exposure,
        spells.spell_id,
        {{ later_of('observed_stretches.start_date', 'spells.start_date') }} as start_date,
        {{ earlier_of(
            'observed_stretches.end_date_excl', add_days('spells.last_observed_day', 1)
        ) }} as end_date_excl
    from observed_stretches
    inner join spells
        on
            observed_stretches.person_id = spells.person_id
            and observed_stretches.program_id = spells.program_id
            and observed_stretches.start_date <= spells.last_observed_day
            and observed_stretches.end_date_excl > spells.start_date

),

exposed as (

    select
        person_id,
        transition_id,
        exposure,
        sum({{ days_between('start_date', 'end_date_excl') }}) as days_exposed,
        count(distinct spell_id) as n_spells,
        min(start_date) as first_date
    from exposed_stretches
    group by person_id, transition_id, exposure

),

exposures as (

    select
        -- identifiers
        bounded.transition_id,
        bounded.person_id,
        bounded.program_id,

        -- attributes
        bounded.exposure,
        bounded.rule_version,

        -- measures
        cast({{ days_between('bounded.window_start', 'bounded.window_end') }} as integer)
            as window_days,
        cast(coalesce(observed.observed_days, 0) as integer) as observed_days,
        cast(coalesce(exposed.days_exposed, 0) as integer) as days_exposed,
        cast(coalesce(exposed.n_spells, 0) as integer) as n_spells,

        -- flags
        case
            when exposed.days_exposed > 0 then true
            when
                observed.observed_days
                = {{ days_between('bounded.window_start', 'bounded.window_end') }}
                then false
        end as is_exposed,
        coalesce(
            observed.observed_days
            = {{ days_between('bounded.window_start', 'bounded.window_end') }}, false
        ) as is_fully_observed,

        -- dates
        bounded.anchor_date,
        bounded.window_start,
        {{ last_day('bounded.window_end') }} as window_last_day,
        exposed.first_date
    from bounded
    left join observed
        on
            bounded.person_id = observed.person_id
            and bounded.transition_id = observed.transition_id
            and bounded.exposure = observed.exposure
    left join exposed
        on
            bounded.person_id = exposed.person_id
            and bounded.transition_id = exposed.transition_id
            and bounded.exposure = exposed.exposure
    where bounded.window_start < bounded.window_end

)

select * from exposures
