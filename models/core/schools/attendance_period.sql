with

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

schools as (

    select * from {{ ref('stg_k12__schools') }}

),

calendar_days as (

    select * from {{ ref('stg_k12__calendar_days') }}

),

submissions as (

    select * from {{ ref('stg_k12__submissions') }}

),

absences as (

    select * from {{ ref('stg_k12__absences') }}

),

discipline_actions as (

    select * from {{ ref('stg_k12__discipline_actions') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

rules as (

    select * from {{ ref('policy_chronic_absence') }}

),

rule_in_force as (

    select
        rule_version,
        attendance_rate_at_most,
        min_days_enrolled
    from rules
    where rule_version = (select max(newest.rule_version) from rules as newest)

),

-- Days of instruction that the school has reported: on any other day an absence is unknown.
reported_days as (

    select
        schools.source_school_id,
        calendar_days.school_year,
        calendar_days.session_date
    from schools
    inner join calendar_days on schools.source_district_id = calendar_days.source_district_id
    inner join submissions
        on
            schools.source_school_id = submissions.source_school_id
            and {{ first_of_month('calendar_days.session_date') }} = submissions.report_month
    where submissions.is_submitted

),

sessions as (

    select
        source_school_id,
        school_year,
        count(*) as days_in_session,
        max(session_date) as last_reported_day
    from reported_days
    group by source_school_id, school_year

),

-- Enrolments that overlap at one school are one membership a day.
membership_days as (

    select distinct
        crosswalk.person_id,
        reported_days.source_school_id,
        reported_days.school_year,
        reported_days.session_date
    from enrollments
    inner join crosswalk
        on
            enrollments.source_student_id = crosswalk.source_person_key
            and crosswalk.source_system = 'k12'
    inner join reported_days
        on
            enrollments.source_school_id = reported_days.source_school_id
            and enrollments.school_year = reported_days.school_year
            and enrollments.entry_date <= reported_days.session_date
            and (
                enrollments.exit_date is null
                or enrollments.exit_date >= reported_days.session_date
            )
    where not enrollments.is_one_day

),

absence_days as (

    select
        crosswalk.person_id,
        absences.source_school_id,
        absences.absence_date,
        max(absences.days_absent) as days_absent,
        max(case when absences.is_suspension then 1 else 0 end) as is_suspension,
        max(case when absences.is_excused then 1 else 0 end) as is_excused
    from absences
    inner join crosswalk
        on
            absences.source_student_id = crosswalk.source_person_key
            and crosswalk.source_system = 'k12'
    group by crosswalk.person_id, absences.source_school_id, absences.absence_date

),

counted as (

    select
        membership_days.person_id,
        membership_days.source_school_id,
        membership_days.school_year,
        count(*) as days_enrolled,
        sum(coalesce(absence_days.days_absent, 0)) as days_missed,
        sum(
            case
                when absence_days.is_suspension = 0 and absence_days.is_excused = 1
                    then absence_days.days_absent
                else 0
            end
        ) as days_absent_excused,
        sum(
            case
                when absence_days.is_suspension = 0 and absence_days.is_excused = 0
                    then absence_days.days_absent
                else 0
            end
        ) as days_absent_unexcused,
        sum(case when absence_days.is_suspension = 1 then absence_days.days_absent else 0 end)
            as days_suspended_out_of_school
    from membership_days
    left join absence_days
        on
            membership_days.person_id = absence_days.person_id
            and membership_days.source_school_id = absence_days.source_school_id
            and membership_days.session_date = absence_days.absence_date
    group by
        membership_days.person_id, membership_days.source_school_id, membership_days.school_year

),

suspended_in_school as (

    select
        crosswalk.person_id,
        discipline_actions.source_school_id,
        calendar_days.school_year,
        sum(discipline_actions.days_suspended) as days_suspended_in_school
    from discipline_actions
    inner join schools
        on discipline_actions.source_school_id = schools.source_school_id
    inner join calendar_days
        on
            schools.source_district_id = calendar_days.source_district_id
            and discipline_actions.action_start_date = calendar_days.session_date
    inner join crosswalk
        on
            discipline_actions.source_student_id = crosswalk.source_person_key
            and crosswalk.source_system = 'k12'
    where discipline_actions.action_code = 'ISS'
    group by
        crosswalk.person_id, discipline_actions.source_school_id, calendar_days.school_year

),

periods as (

    select
        -- identifiers
        counted.person_id,
        {{ organization_key('k12', 'counted.source_school_id') }} as organization_id,

        -- measures
        counted.school_year,
        cast(sessions.days_in_session as integer) as days_in_session,
        cast(counted.days_enrolled as integer) as days_enrolled,
        cast(counted.days_enrolled - counted.days_missed as numeric(6, 2)) as days_present,
        cast(counted.days_absent_excused as numeric(6, 2)) as days_absent_excused,
        cast(counted.days_absent_unexcused as numeric(6, 2)) as days_absent_unexcused,
        cast(counted.days_suspended_out_of_school as numeric(6, 2))
            as days_suspended_out_of_school,
        cast(coalesce(suspended_in_school.days_suspended_in_school, 0) as numeric(6, 2))
            as days_suspended_in_school,
        rule_in_force.rule_version,

        -- flags
        case
            when counted.days_enrolled < rule_in_force.min_days_enrolled then cast(null as boolean)
            else
                counted.days_enrolled - counted.days_missed
                <= rule_in_force.attendance_rate_at_most * counted.days_enrolled
        end as is_chronically_absent,

        -- dates
        sessions.last_reported_day
    from counted
    inner join sessions
        on
            counted.source_school_id = sessions.source_school_id
            and counted.school_year = sessions.school_year
    left join suspended_in_school
        on
            counted.person_id = suspended_in_school.person_id
            and counted.source_school_id = suspended_in_school.source_school_id
            and counted.school_year = suspended_in_school.school_year
    cross join rule_in_force

)

select * from periods
