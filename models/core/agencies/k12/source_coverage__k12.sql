with

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

attendance as (

    select * from {{ ref('stg_k12__attendance') }}

),

calendar as (

    select * from {{ ref('ref_month') }}

),

periods as (

    select distinct
        'attendance' as subject,
        report_month as month
    from attendance
    where report_month is not null

),

-- A period is covered when its load was accepted: a delivery that was held leaves a hole, and a
-- hole splits the coverage in two.
period_runs as (

    {{ month_spells('periods', ['subject']) }}

),

-- Enrolments come whole: what the agency knew on the last day of the month of the delivery, back to
-- the school year of the earliest record.
unioned as (

    select
        subject,
        'accepted periods' as basis,
        n_source_spells as n_periods,
        start_date as coverage_start,
        {{ last_day('end_date_excl') }} as coverage_end
    from period_runs
    union all
    select
        'k12_enrollment' as subject,
        'snapshot' as basis,
        1 as n_periods,
        min(calendar.month_start) as coverage_start,
        max(enrollments.as_of_date) as coverage_end
    from enrollments
    inner join calendar
        on enrollments.school_year = calendar.school_year

),

coverage_rows as (

    {{ coverage_rows('unioned', 'k12', has=['n_periods']) }}

)

select * from coverage_rows
