with

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

periods as (

    select distinct
        'employment' as subject,
        quarter_start as month
    from wages
    where quarter_start is not null

),

-- A period is covered when its load was accepted: a delivery that was held leaves a hole, and a
-- hole splits the coverage in two.
period_runs as (

    {{ month_spells('periods', ['subject'], months_per_row=3) }}

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

    {{ coverage_rows('periods_covered', 'wages', has=['n_periods']) }}

)

select * from coverage_rows
