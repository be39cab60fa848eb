with

enrollments_delivered as (

    select * from {{ ref('stg_k12__enrollments') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

enrollments as (

    select
        -- identifiers
        source_spells.spell_source_id,
        source_spells.person_id,
        source_spells.organization_id,

        -- attributes
        enrollments_delivered.grade_level,
        enrollments_delivered.entry_type_code,
        enrollments_delivered.exit_type_code,

        -- measures
        enrollments_delivered.school_year,

        -- dates
        source_spells.start_date,
        source_spells.last_day
    from enrollments_delivered
    inner join source_spells
        on
            {{ spell_source_key('k12', "'k12_enrollment'", dbt.concat([
                'enrollments_delivered.source_student_id', "'|'",
                'enrollments_delivered.source_school_id', "'|'",
                'enrollments_delivered.entry_date',
            ])) }}
            = source_spells.spell_source_id

)

select * from enrollments
