with

fiscal_2026 as (

    select * from {{ source('hmis', 'project') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'project') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        project_id,
        organization_id,
        project_name,
        project_type,
        operating_start_date,
        operating_end_date,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        project_id,
        organization_id,
        project_name,
        project_type,
        operating_start_date,
        operating_end_date,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2024
    where {{ hmis_speaks('2024') }}

),

renamed as (

    select
        -- identifiers
        btrim(project_id) as source_project_id,
        btrim(organization_id) as source_organization_id,

        -- attributes
        {{ clean_text('project_name') }} as project_name,
        {{ clean_text('project_type') }} as project_type_code,

        -- dates
        {{ clean_date('operating_start_date', 'yyyy-mm-dd') }} as open_date,
        {{ clean_date('operating_end_date', 'yyyy-mm-dd') }} as close_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where {{ clean_text('date_deleted') }} is null

)

select * from renamed
