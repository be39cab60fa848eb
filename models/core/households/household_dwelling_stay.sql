with

evidence as (

    select * from {{ ref('residence_evidence') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

residence_policy as (

    select * from {{ ref('policy_residence') }}

),

observation_end as (

    select {{ add_days('max(coverage_end)', 1) }} as observed_until
    from coverage

),

ordered as (

    select
        evidence.person_id,
        evidence.dwelling_number,
        evidence.source_system,
        evidence.evidence_month,
        residence_policy.co_residence_months,
        residence_policy.household_gap_days,
        residence_policy.largest_household,
        lag(evidence.dwelling_number) over (
            partition by evidence.person_id order by evidence.evidence_month
        ) as previous_dwelling_number,
        lag(evidence.evidence_month) over (
            partition by evidence.person_id order by evidence.evidence_month
        ) as previous_evidence_month,
        max(evidence.evidence_month) over (partition by evidence.person_id) as final_evidence_month
    from evidence
    cross join residence_policy

),

-- A stay opens at another dwelling, or when nothing was heard for as long as an address holds.
-- A place that is not known to the unit, or is an institution, ends a stay and opens none.
openings as (

    select *
    from ordered
    where
        previous_evidence_month is null
        or coalesce(previous_dwelling_number, -1) <> coalesce(dwelling_number, -1)
        or {{ add_months('previous_evidence_month', 'co_residence_months') }} < evidence_month

),

bounded as (

    select
        person_id,
        dwelling_number,
        source_system,
        co_residence_months,
        household_gap_days,
        largest_household,
        evidence_month as start_date,
        coalesce(
            lead(previous_evidence_month) over (partition by person_id order by evidence_month),
            final_evidence_month
        ) as last_evidence_month,
        lead(evidence_month) over (partition by person_id order by evidence_month)
            as next_start_date
    from openings

),

stays as (

    select
        person_id,
        dwelling_number,
        source_system,
        household_gap_days,
        largest_household,
        start_date,
        next_start_date,
        {{ add_months('last_evidence_month', 1) }} as end_date_excl,
        {{ add_months('last_evidence_month', 'co_residence_months') }} as holds_until
    from bounded
    where dwelling_number is not null

),

-- One dwelling has one household after another: when none of those who were seen there has been
-- seen for longer than the gap of the policy, whoever comes is another household.
runs as (

    {{ collapse_spells(
        'stays', ['dwelling_number', 'household_gap_days'], grace_days='household_gap_days'
    ) }}

),

households as (

    select
        dwelling_number,
        start_date,
        end_date_excl,
        lead(start_date) over (partition by dwelling_number order by start_date)
            as next_household_start_date
    from runs

),

together as (

    select
        stays.person_id,
        stays.source_system,
        stays.dwelling_number,
        stays.largest_household,
        stays.start_date,
        stays.end_date_excl,
        stays.next_start_date,
        stays.holds_until,
        households.start_date as household_start_date,
        households.next_household_start_date,
        min(stays.person_id) over (
            partition by stays.dwelling_number, households.start_date
        ) as lowest_person_id,
        max(stays.person_id) over (
            partition by stays.dwelling_number, households.start_date
        ) as highest_person_id
    from stays
    inner join households
        on
            stays.dwelling_number = households.dwelling_number
            and stays.start_date >= households.start_date
            and stays.start_date < households.end_date_excl

),

sizes as (

    select
        dwelling_number,
        household_start_date,
        count(distinct person_id) as n_persons
    from together
    group by dwelling_number, household_start_date

),

-- The id is made of a member and a month, never of the address.
identified as (

    select
        {{ surrogate_key([
            "'co_residence'", 'together.lowest_person_id', 'together.household_start_date'
        ]) }} as household_id,
        together.person_id,
        together.source_system,
        together.start_date,
        together.end_date_excl,
        {{ earlier_of('together.holds_until', 'together.next_start_date') }} as left_on,
        together.next_household_start_date,
        observation_end.observed_until
    from together
    inner join sizes
        on
            together.dwelling_number = sizes.dwelling_number
            and together.household_start_date = sizes.household_start_date
    cross join observation_end
    where
        together.lowest_person_id < together.highest_person_id
        and sizes.n_persons <= together.largest_household

),

clipped as (

    select
        household_id,
        person_id,
        source_system,
        start_date,
        {{ earlier_of('end_date_excl', 'observed_until') }} as seen_until,
        {{ earlier_of('left_on', 'next_household_start_date') }} as left_on,
        observed_until
    from identified

),

dwelling_stays as (

    select
        -- identifiers
        household_id,
        person_id,
        source_system,

        -- dates
        start_date,
        {{ last_day('seen_until') }} as last_observed_day,
        {{ last_day(earlier_of('left_on', 'observed_until')) }} as last_assumed_day
    from clipped
    where start_date < observed_until

)

select * from dwelling_stays
