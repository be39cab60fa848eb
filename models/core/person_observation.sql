with

spells as (

    select * from {{ ref('spell') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

observation_end as (

    select max(coverage_end) as observed_until
    from coverage

),

evidence as (

    select
        person_id,
        'program' as basis,
        start_date,
        {{ add_days('last_observed_day', 1) }} as end_date_excl
    from spells
    union all
    select
        residences.person_id,
        'residence' as basis,
        residences.start_date,
        {{ add_days(
            'coalesce(residences.last_day, observation_end.observed_until)', 1
        ) }} as end_date_excl
    from residences
    cross join observation_end

),

possible as (

    select *
    from evidence
    where start_date < end_date_excl

),

collapsed as (

    {{ collapse_spells('possible', ['person_id', 'basis']) }}

),

observations as (

    select
        -- identifiers
        person_id,

        -- attributes
        basis,

        -- measures
        cast({{ days_between('start_date', 'end_date_excl') }} as integer) as observed_days,

        -- dates
        start_date,
        {{ last_day('end_date_excl') }} as last_observed_day
    from collapsed

)

select * from observations
