with

schools as (

    select * from {{ ref('stg_k12__schools') }}

),

projects as (

    select * from {{ ref('stg_hmis__projects') }}

),

project_owners as (

    select * from {{ ref('stg_hmis__organizations') }}

),

project_types as (

    select * from {{ ref('ref_hmis_project_type') }}

),

unioned as (

    select
        'k12' as source_system,
        source_school_id as source_organization_id,
        'school' as organization_type,
        school_level_code as organization_subtype,
        school_name as organization_name,
        district_name as parent_name,
        'k12_enrollment' as program_id,
        open_date,
        close_date
    from schools
    union all
    select
        'hmis' as source_system,
        projects.source_project_id as source_organization_id,
        'homeless_project' as organization_type,
        project_types.project_type_name as organization_subtype,
        projects.project_name as organization_name,
        project_owners.organization_name as parent_name,
        project_types.program_id,
        projects.open_date,
        projects.close_date
    from projects
    left join project_owners
        on projects.source_organization_id = project_owners.source_organization_id
    left join project_types
        on projects.project_type_code = project_types.project_type_code
    union all
    select
        'jail' as source_system,
        'county' as source_organization_id,
        'jail' as organization_type,
        'county jail' as organization_subtype,
        'County jail' as organization_name,
        cast(null as {{ dbt.type_string() }}) as parent_name,
        'jail' as program_id,
        cast(null as date) as open_date,
        cast(null as date) as close_date

),

organizations as (

    select
        -- identifiers
        {{ surrogate_key(['source_system', 'source_organization_id']) }} as organization_id,
        source_system,
        source_organization_id,
        program_id,

        -- attributes
        organization_type,
        organization_subtype,
        organization_name,
        parent_name,

        -- dates
        open_date,
        close_date
    from unioned

)

select * from organizations
