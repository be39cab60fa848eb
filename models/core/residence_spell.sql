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
        evidence.tract_geoid,
        evidence.evidence_month,
        residence_policy.decay_months,
        observation_end.observed_until,
        lag(evidence.tract_geoid) over (
            partition by evidence.person_id order by evidence.evidence_month
        ) as previous_tract_geoid,
        lag(evidence.evidence_month) over (
            partition by evidence.person_id order by evidence.evidence_month
        ) as previous_evidence_month,
        max(evidence.evidence_month) over (partition by evidence.person_id) as final_evidence_month,
        row_number() over (
            partition by evidence.person_id order by evidence.evidence_month
        ) - 1 as rows_before,
        count(*) over (partition by evidence.person_id) as rows_of_all
    from evidence
    cross join residence_policy
    cross join observation_end

),

-- A new spell opens at another tract, or when nothing was heard for as long as an address lasts.
openings as (

    select *
    from ordered
    where
        previous_tract_geoid is null
        or previous_tract_geoid <> tract_geoid
        or {{ add_months('previous_evidence_month', 'decay_months') }} < evidence_month

),

-- Nobody told when between two addresses the move was: it is put in the middle, which is wrong by
-- half as much as the month in which the new address was first heard of.
started as (

    select
        *,
        coalesce(
            previous_tract_geoid <> tract_geoid
            and {{ add_months('previous_evidence_month', 'decay_months') }} >= evidence_month
            and {{ add_months('previous_evidence_month', 1) }} < evidence_month,
            false
        ) as is_start_assumed,
        cast(
            floor(({{ months_between('previous_evidence_month', 'evidence_month') }} + 1) / 2.0)
            as integer
        ) as half_way_months
    from openings

),

moved as (

    select
        *,
        case
            when is_start_assumed
                then {{ add_months('previous_evidence_month', 'half_way_months') }}
            else evidence_month
        end as start_date
    from started

),

bounded as (

    select
        person_id,
        tract_geoid,
        decay_months,
        observed_until,
        is_start_assumed,
        start_date,
        lead(start_date) over (
            partition by person_id order by evidence_month
        ) as next_start_date,
        coalesce(
            lead(previous_evidence_month) over (partition by person_id order by evidence_month),
            final_evidence_month
        ) as last_evidence_month,
        coalesce(
            lead(rows_before) over (partition by person_id order by evidence_month), rows_of_all
        ) - rows_before as n_evidence_months
    from moved

),

decaying as (

    select
        person_id,
        tract_geoid,
        observed_until,
        is_start_assumed,
        start_date,
        next_start_date,
        last_evidence_month,
        n_evidence_months,
        {{ add_months('last_evidence_month', 'decay_months') }} as decays_on
    from bounded

),

residences as (

    select
        -- identifiers
        person_id,
        tract_geoid as place_id,

        -- measures
        cast(n_evidence_months as integer) as n_evidence_months,

        -- flags
        is_start_assumed,
        next_start_date is null and decays_on > observed_until as is_right_censored,
        coalesce(decays_on < next_start_date, decays_on <= observed_until) as is_end_assumed,

        -- dates
        start_date,
        case
            when next_start_date is not null
                then {{ last_day(earlier_of('next_start_date', 'decays_on')) }}
            when decays_on <= observed_until then {{ last_day('decays_on') }}
        end as last_day,
        last_evidence_month
    from decaying

)

select * from residences
