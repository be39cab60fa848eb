with

exposures as (

    select * from {{ ref('exposure') }}

),

cohort_policies as (

    select * from {{ ref('policy_cohort') }}

),

exposure_windows as (

    select * from {{ ref('policy_exposure_window') }}

),

disclosure as (

    select * from {{ ref('policy_disclosure') }}

),

entered as (

    select
        cohort_policies.perspective,
        cohort_policies.exposure,
        exposures.person_id,
        exposures.is_exposed,
        exposures.is_fully_observed,
        cast({{ dbt.date_trunc('year', 'exposures.anchor_date') }} as date) as cohort_start,
        row_number() over (
            partition by
                cohort_policies.perspective,
                cohort_policies.exposure,
                exposures.person_id,
                cast({{ dbt.date_trunc('year', 'exposures.anchor_date') }} as date)
            order by exposures.anchor_date, exposures.transition_id
        ) as time_in_year
    from exposures
    inner join cohort_policies
        on exposures.exposure = cohort_policies.exposure

),

-- A person enters the cohort of a year once, with the first time in it.
counted as (

    select
        perspective,
        exposure,
        cohort_start,
        count(*) as n_persons,
        count(case when is_fully_observed then 1 end) as n_observed,
        count(case when is_fully_observed and is_exposed then 1 end) as n_exposed
    from entered
    where time_in_year = 1
    group by perspective, exposure, cohort_start

),

published as (

    select
        counted.perspective,
        counted.exposure,
        counted.cohort_start,
        {{ published_count('counted.n_persons') }} as persons,
        {{ published_count('counted.n_observed') }} as persons_observed,
        {{ published_count('counted.n_exposed') }} as persons_exposed
    from counted
    cross join disclosure
    where disclosure.policy = 'default'

),

-- The share is of the published counts: what is hidden cannot be had back from it.
outcomes as (

    select
        -- identifiers
        published.perspective,
        published.exposure,
        published.cohort_start,

        -- attributes
        exposure_windows.anchor_transition,
        exposure_windows.program_id,
        exposure_windows.rule_version,

        -- measures
        published.persons,
        published.persons_observed,
        published.persons_exposed,
        cast(
            round(100.0 * published.persons_exposed / nullif(published.persons_observed, 0), 1)
            as numeric(5, 1)
        ) as pct_exposed,

        -- flags
        published.persons_observed is null as is_suppressed
    from published
    inner join exposure_windows
        on published.exposure = exposure_windows.exposure

)

select * from outcomes
