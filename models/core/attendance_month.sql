with

attendance as (

    select * from {{ ref('stg_k12__attendance') }}

),

submissions as (

    select * from {{ ref('stg_k12__submissions') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

months as (

    select
        -- identifiers
        crosswalk.person_id,
        {{ surrogate_key(["'k12'", 'attendance.source_school_id']) }} as organization_id,

        -- measures
        cast(sum(attendance.days_enrolled) as numeric(6, 2)) as days_enrolled,
        cast(sum(attendance.days_present) as numeric(6, 2)) as days_present,
        cast(sum(attendance.days_absent_excused) as numeric(6, 2)) as days_absent_excused,
        cast(sum(attendance.days_absent_unexcused) as numeric(6, 2)) as days_absent_unexcused,
        cast(sum(attendance.days_suspended) as numeric(6, 2)) as days_suspended,

        -- dates
        attendance.report_month as month
    from attendance
    inner join crosswalk
        on
            attendance.source_student_id = crosswalk.source_person_key
            and crosswalk.source_system = 'k12'
    left join submissions
        on
            attendance.source_school_id = submissions.source_school_id
            and attendance.report_month = submissions.report_month
    -- The month of a school that had not reported when the file was written says that everyone
    -- was present all the time, and is never restated.
    where
        attendance.report_month is not null
        and (
            submissions.source_school_id is null
            or {{ first_of_month('submissions.submitted_date') }} = attendance.report_month
        )
    group by crosswalk.person_id, attendance.source_school_id, attendance.report_month

)

select * from months
