with

source_rows as (

    select * from {{ ref('stg_utility__accounts') }}

),

periods as (

    select distinct
        'utility_shutoff' as subject,
        cast({{ dbt.concat(['substr(delivery, 1, 7)', "'-01'"]) }} as date) as month
    from source_rows

),

-- A period is covered when its load was accepted: a delivery that was held leaves a hole, and a
-- hole splits the coverage in two.
period_runs as (

    {{ month_spells('periods', ['subject']) }}

),

periods_covered as (

    select
        subject,
        'accepted periods' as basis,
        n_source_spells as n_periods,
        start_date as coverage_start,
        {{ last_day('end_date_excl') }} as coverage_end
    from period_runs

),

coverage_rows as (

    {{ coverage_rows('periods_covered', 'utility', has=['n_periods']) }}

)

select * from coverage_rows
