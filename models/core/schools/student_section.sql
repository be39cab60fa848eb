with

rosters as (

    select * from {{ ref('stg_k12__rosters') }}

),

section_teachers as (

    select * from {{ ref('stg_k12__section_teachers') }}

),

staff_absences as (

    select * from {{ ref('stg_k12__staff_absences') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

assignments as (

    select
        source_section_id,
        source_staff_id,
        source_school_id,
        school_year,
        subject_code,
        grade_level,
        assignment_start_date,
        coalesce(assignment_end_date, as_of_date) as assignment_last_day,
        row_number() over (
            partition by source_section_id
            order by
                {{ days_between(
                    'assignment_start_date', 'coalesce(assignment_end_date, as_of_date)'
                ) }} desc,
                assignment_start_date asc, source_staff_id asc
        ) as place_by_days
    from section_teachers
    where assignment_start_date is not null

),

-- The teacher of record had the section for most of the time.
teachers as (

    select *
    from assignments
    where place_by_days = 1

),

teacher_absences as (

    select
        teachers.source_section_id,
        sum(staff_absences.days_absent) as teacher_days_absent
    from teachers
    inner join staff_absences
        on
            teachers.source_staff_id = staff_absences.source_staff_id
            and teachers.assignment_start_date <= staff_absences.absence_date
            and teachers.assignment_last_day >= staff_absences.absence_date
    group by teachers.source_section_id

),

rostered as (

    select
        students.person_id,
        rosters.source_section_id,
        count(distinct rosters.count_date) as n_count_days,
        min(rosters.count_date) as first_count_date,
        max(rosters.count_date) as last_count_date
    from rosters
    inner join crosswalk as students
        on
            rosters.source_student_id = students.source_person_key
            and students.source_system = 'k12'
    where rosters.count_date is not null
    group by students.person_id, rosters.source_section_id

),

sections as (

    select
        -- identifiers
        rostered.person_id,
        {{ surrogate_key(["'k12'", 'rostered.source_section_id']) }} as section_id,
        {{ organization_key('k12', 'teachers.source_school_id') }} as organization_id,
        staff.person_id as teacher_person_id,

        -- attributes
        teachers.subject_code,
        teachers.grade_level,

        -- measures
        teachers.school_year,
        cast(rostered.n_count_days as integer) as n_count_days,
        cast(coalesce(teacher_absences.teacher_days_absent, 0) as numeric(6, 2))
            as teacher_days_absent,

        -- dates
        rostered.first_count_date,
        rostered.last_count_date,
        teachers.assignment_start_date,
        teachers.assignment_last_day
    from rostered
    inner join teachers
        on rostered.source_section_id = teachers.source_section_id
    left join crosswalk as staff
        on
            teachers.source_staff_id = staff.source_person_key
            and staff.source_system = 'k12_staff'
    left join teacher_absences
        on rostered.source_section_id = teacher_absences.source_section_id

)

select * from sections
