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

-- Enrolments come whole: what the agency knew on the last day of the month of the delivery, back to
-- the school year of the earliest record.
snapshot as (

    select
        'k12_enrollment' as subject,
        'snapshot' as basis,
        min(calendar.month_start) as coverage_start,
        max(enrollments.as_of_date) as coverage_end
    from enrollments
    inner join calendar
        on enrollments.school_year = calendar.school_year

),

coverage_rows as (

    {{ period_rows('periods', 'k12') }}
    union all
    {{ coverage_rows('snapshot', 'k12') }}

)

select * from coverage_rows
