with

births as (

    select * from {{ ref('stg_vital__births') }}

),

deaths as (

    select * from {{ ref('stg_vital__deaths') }}

),

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

attendance as (

    select * from {{ ref('stg_k12__attendance') }}

),

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

exports as (

    select * from {{ ref('stg_hmis__exports') }}

),

bookings as (

    select * from {{ ref('stg_jail__bookings') }}

),

families as (

    select * from {{ ref('stg_tanf_acf__families') }}

),

programs as (

    select * from {{ ref('program') }}

),

calendar as (

    select * from {{ ref('ref_month') }}

),

-- Files that come by period: a period is covered when its load was accepted, so a delivery that
-- was held leaves a hole, and a hole splits the coverage in two.
months as (

    select distinct
        'benefits' as source_system,
        program_id as subject,
        report_month as month
    from case_members
    where report_month is not null
    union all
    select distinct
        'tanf_acf' as source_system,
        'tanf' as subject,
        report_month as month
    from families
    where report_month is not null
    union all
    select distinct
        'k12' as source_system,
        'attendance' as subject,
        report_month as month
    from attendance
    where report_month is not null

),

quarters as (

    select distinct
        'wages' as source_system,
        'employment' as subject,
        quarter_start as month
    from wages
    where quarter_start is not null

),

month_runs as (

    {{ month_spells('months', ['source_system', 'subject']) }}

),

quarter_runs as (

    {{ month_spells('quarters', ['source_system', 'subject'], months_per_row=3) }}

),

by_period as (

    select
        source_system,
        subject,
        start_date as coverage_start,
        {{ last_day('end_date_excl') }} as coverage_end,
        'accepted periods' as basis,
        n_source_spells as n_periods
    from month_runs
    union all
    select
        source_system,
        subject,
        start_date as coverage_start,
        {{ last_day('end_date_excl') }} as coverage_end,
        'accepted periods' as basis,
        n_source_spells as n_periods
    from quarter_runs

),

-- Files that come whole: what the agency knew on the last day of the month of the delivery, back to
-- the year, school year or month of the earliest record.
snapshots as (

    select
        'vital' as source_system,
        'births' as subject,
        cast({{ dbt.date_trunc('year', 'min(birth_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end,
        'snapshot' as basis
    from births
    union all
    select
        'vital' as source_system,
        'deaths' as subject,
        cast({{ dbt.date_trunc('year', 'min(death_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end,
        'snapshot' as basis
    from deaths
    union all
    select
        'k12' as source_system,
        'k12_enrollment' as subject,
        min(calendar.month_start) as coverage_start,
        max(enrollments.as_of_date) as coverage_end,
        'snapshot' as basis
    from enrollments
    inner join calendar
        on enrollments.school_year = calendar.school_year
    union all
    select
        'jail' as source_system,
        'jail' as subject,
        {{ first_of_month('min(booked_at)') }} as coverage_start,
        max(as_of_date) as coverage_end,
        'snapshot' as basis
    from bookings

),

hmis_programs as (

    select program_id
    from programs
    where agency = 'hmis'

),

hmis_window as (

    select
        min(export_start_date) as coverage_start,
        max(export_end_date) as coverage_end
    from exports

),

hmis as (

    select
        'hmis' as source_system,
        hmis_programs.program_id as subject,
        hmis_window.coverage_start,
        hmis_window.coverage_end,
        'export window' as basis
    from hmis_window
    cross join hmis_programs

),

unioned as (

    select
        source_system,
        subject,
        coverage_start,
        coverage_end,
        basis,
        n_periods
    from by_period
    union all
    select
        source_system,
        subject,
        coverage_start,
        coverage_end,
        basis,
        1 as n_periods
    from snapshots
    where coverage_start is not null
    union all
    select
        source_system,
        subject,
        coverage_start,
        coverage_end,
        basis,
        1 as n_periods
    from hmis
    where coverage_start is not null

),

coverage as (

    select
        -- identifiers
        {{ surrogate_key(['unioned.source_system', 'unioned.subject', 'unioned.coverage_start']) }}
            as coverage_id,
        unioned.source_system,
        unioned.subject,
        programs.program_id,

        -- attributes
        unioned.basis,

        -- measures
        unioned.n_periods,

        -- dates
        unioned.coverage_start,
        unioned.coverage_end
    from unioned
    left join programs
        on unioned.subject = programs.program_id

)

select * from coverage
