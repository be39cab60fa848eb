with

source as (

    select * from {{ source('k12', 'absences') }}

),

changes as (

    select * from {{ source('k12', 'student_id_changes') }}

),

numbers as (

    select
        student_id as old_student_id,
        current_student_id
    from changes

),

-- Under the number that stands for the student now; of one student, school and day the last word.
ranked as (

    select
        source.school_id,
        source.attendance_event_date,
        source.attendance_status,
        source.absent_category,
        source.attendance_event_duration_day,
        source._load_id,
        source._delivery,
        source._received_at,
        coalesce(numbers.current_student_id, source.student_id) as current_student_id,
        row_number() over (
            partition by
                coalesce(numbers.current_student_id, source.student_id),
                source.school_id,
                source.attendance_event_date
            order by source._period desc, source._load_id desc
        ) as nth_last
    from source
    left join numbers on source.student_id = numbers.old_student_id

),

renamed as (

    select
        -- identifiers
        current_student_id as source_student_id,
        btrim(school_id) as source_school_id,

        -- attributes
        {{ clean_text('absent_category') }} as absence_category_code,

        -- measures
        {{ clean_decimal('attendance_event_duration_day') }} as days_absent,

        -- flags
        attendance_status = 'ExcusedAbsence' as is_excused,
        coalesce(absent_category = 'DIS', false) as is_suspension,

        -- dates
        {{ clean_date('attendance_event_date', 'yyyy-mm-dd') }} as absence_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from ranked
    where nth_last = 1 and attendance_status <> 'Present'

)

select * from renamed
