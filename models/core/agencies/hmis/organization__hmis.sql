with

projects as (

    select * from {{ ref('stg_hmis__projects') }}

),

project_owners as (

    select * from {{ ref('stg_hmis__organizations') }}

),

project_types as (

    select * from {{ ref('ref_hmis_project_type') }}

),

projects_named as (

    select
        projects.source_project_id as source_organization_id,
        project_types.program_id,
        'homeless_project' as organization_type,
        project_types.project_type_name as organization_subtype,
        projects.project_name as organization_name,
        project_owners.organization_name as parent_name,
        projects.open_date,
        projects.close_date
    from projects
    left join project_owners
        on projects.source_organization_id = project_owners.source_organization_id
    left join project_types
        on projects.project_type_code = project_types.project_type_code

),

organization_rows as (

    {{ organization_rows('projects_named', 'hmis', has=[
        'program_id', 'organization_subtype', 'parent_name', 'open_date', 'close_date',
    ]) }}

)

select * from organization_rows
