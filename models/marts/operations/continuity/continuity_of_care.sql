with

spells as (

    select * from {{ ref('spell') }}

),

program_sets as (

    select * from {{ ref('policy_program_set') }}

),

coverage as (

    select * from {{ ref('program_coverage') }}

),

coverage_ends as (

    select
        program_id,
        max(coverage_end) as data_as_of
    from coverage
    group by program_id

),

-- A stay of jail from before its files began has no booking that could be looked back from.
bookings as (

    select
        spell_id as booking_spell_id,
        person_id,
        start_date as booked_date,
        last_day as released_date
    from spells
    where program_id = 'jail' and not is_left_censored

),

asked as (

    select
        bookings.*,
        program_sets.program_id,
        coverage_ends.data_as_of
    from bookings
    cross join program_sets
    inner join coverage_ends
        on program_sets.program_id = coverage_ends.program_id
    where program_sets.program_set = 'continuity_of_care'

),

covered as (

    select
        asked.booking_spell_id,
        asked.program_id,
        max(case
            when asked.booked_date between coverage.coverage_start and coverage.coverage_end
                then 1
            else 0
        end) as is_booking_covered,
        max(case
            when
                asked.released_date between coverage.coverage_start and coverage.coverage_end
                then coverage.coverage_end
        end) as observed_until
    from asked
    inner join coverage
        on asked.program_id = coverage.program_id
    group by asked.booking_spell_id, asked.program_id

),

services as (

    select
        asked.booking_spell_id,
        asked.program_id,
        max(case
            when
                spells.start_date <= asked.booked_date
                and spells.last_observed_day >= asked.booked_date
                then 1
            else 0
        end) as is_active_at_booking,
        max(case
            when spells.start_date <= asked.booked_date
                then {{ earlier_of('spells.last_observed_day', 'asked.booked_date') }}
        end) as last_service_date,
        min(case
            when spells.last_observed_day > asked.released_date
                then {{ later_of('spells.start_date', add_days('asked.released_date', 1)) }}
        end) as resumed_date,
        min(case
            when
                spells.start_date <= asked.booked_date
                and spells.last_day >= asked.booked_date
                and (spells.last_day <= asked.released_date or asked.released_date is null)
                then spells.last_day
        end) as suspended_date
    from asked
    inner join spells
        on
            asked.person_id = spells.person_id
            and asked.program_id = spells.program_id
    group by asked.booking_spell_id, asked.program_id

),

continuity as (

    select
        -- identifiers
        asked.booking_spell_id,
        asked.person_id,
        asked.program_id,

        -- measures
        {{ days_between('asked.released_date', 'services.resumed_date') }} as days_to_resume,

        -- flags
        case
            when services.is_active_at_booking = 1 then true
            when covered.is_booking_covered = 1 then false
        end as was_active_at_booking,
        case
            when asked.released_date is null then cast(null as boolean)
            when services.resumed_date <= {{ add_days('asked.released_date', 30) }} then true
            when covered.observed_until >= {{ add_days('asked.released_date', 30) }} then false
        end as is_in_within_30_days,
        case
            when asked.released_date is null then cast(null as boolean)
            when services.resumed_date <= {{ add_days('asked.released_date', 90) }} then true
            when covered.observed_until >= {{ add_days('asked.released_date', 90) }} then false
        end as is_in_within_90_days,

        -- dates
        asked.booked_date,
        asked.released_date,
        services.last_service_date,
        services.suspended_date,
        services.resumed_date,
        asked.data_as_of
    from asked
    inner join covered
        on
            asked.booking_spell_id = covered.booking_spell_id
            and asked.program_id = covered.program_id
    left join services
        on
            asked.booking_spell_id = services.booking_spell_id
            and asked.program_id = services.program_id

)

select * from continuity
