with

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

kindergarten_enrollments as (

    select
        source_student_id as source_person_key,
        {{ dbt.concat(['source_school_id', "'|'", 'entry_date']) }} as source_record_key,
        'kindergarten_enrollment' as event_type,
        'k12_enrollment' as program_id,
        {{ organization_key('k12', 'source_school_id') }} as organization_id,
        min(entry_date) as event_date
    from enrollments
    where grade_level = 'KG' and entry_date is not null and not is_one_day
    group by source_student_id, source_school_id, entry_date

),

event_rows as (

    {{ event_rows(
        'kindergarten_enrollments', 'k12', has=['program_id', 'organization_id']
    ) }}

)

select * from event_rows
