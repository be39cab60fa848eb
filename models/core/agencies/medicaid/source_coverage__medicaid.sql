with

spans as (

    select * from {{ ref('stg_medicaid__enrollment_spans') }}

),

-- Each file tells again what is in force and what changed, so a month whose file was held is told
-- by the next one: the files reach from the first month to the last.
told as (

    select
        'medicaid' as subject,
        'restated spans' as basis,
        {{ delivery_month('min(delivery)') }} as coverage_start,
        {{ add_months(delivery_month('max(delivery)'), 1) }} as coverage_end_excl
    from spans
    having count(*) > 0

),

months_covered as (

    select
        subject,
        basis,
        coverage_start,
        {{ last_day('coverage_end_excl') }} as coverage_end
    from told

),

coverage_rows as (

    {{ coverage_rows('months_covered', 'medicaid') }}

)

select * from coverage_rows
