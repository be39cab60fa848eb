with

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

end_reasons as (

    select * from {{ ref('ref_end_reason_map') }}

),

-- A one-day enrolment is a no-show or a slip of the registrar: it is left out, as national systems
-- elsewhere do.
school_spells as (

    select
        enrollments.source_student_id as source_person_key,
        {{ dbt.concat([
            'enrollments.source_student_id', "'|'",
            'enrollments.source_school_id', "'|'",
            'enrollments.entry_date',
        ]) }} as source_record_key,
        'k12_enrollment' as program_id,
        {{ organization_key('k12', 'enrollments.source_school_id') }} as organization_id,
        end_reasons.end_reason_std_code,
        enrollments.entry_date as start_date,
        {{ add_days('enrollments.exit_date', 1) }} as end_date_excl
    from enrollments
    left join end_reasons
        on
            enrollments.exit_type_code = end_reasons.source_code
            and end_reasons.source_system = 'k12'
    where
        not enrollments.is_one_day
        and enrollments.entry_date is not null
        and (enrollments.exit_date is null or enrollments.exit_date > enrollments.entry_date)
        and coalesce(end_reasons.end_reason_std_code, 'none')
        not in ('never_came', 'entered_in_error')

),

spell_rows as (

    {{ spell_source_rows('school_spells', 'k12', has=['organization_id', 'end_reason_std_code']) }}

)

select * from spell_rows
