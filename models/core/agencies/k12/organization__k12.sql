with

schools as (

    select * from {{ ref('stg_k12__schools') }}

),

schools_named as (

    select
        source_school_id as source_organization_id,
        'k12_enrollment' as program_id,
        'school' as organization_type,
        school_level_code as organization_subtype,
        school_name as organization_name,
        district_name as parent_name,
        open_date,
        close_date
    from schools

),

organization_rows as (

    {{ organization_rows('schools_named', 'k12', has=[
        'program_id', 'organization_subtype', 'parent_name', 'open_date', 'close_date',
    ]) }}

)

select * from organization_rows
