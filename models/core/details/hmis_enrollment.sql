with

enrollments_delivered as (

    select * from {{ ref('stg_hmis__enrollments') }}

),

projects as (

    select * from {{ ref('stg_hmis__projects') }}

),

project_types as (

    select * from {{ ref('ref_hmis_project_type') }}

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
        source_spells.program_id,
        enrollments_delivered.relation_to_head_code,
        enrollments_delivered.prior_living_situation_code,
        source_spells.end_reason_std_code as destination,

        -- flags
        enrollments_delivered.has_disabling_condition,

        -- dates
        source_spells.start_date,
        enrollments_delivered.move_in_date,
        source_spells.last_day
    from enrollments_delivered
    inner join projects
        on enrollments_delivered.source_project_id = projects.source_project_id
    inner join project_types
        on projects.project_type_code = project_types.project_type_code
    inner join source_spells
        on
            {{ spell_source_key(
                'hmis', 'project_types.program_id', 'enrollments_delivered.source_enrollment_id'
            ) }}
            = source_spells.spell_source_id

)

select * from enrollments
