with

fiscal_2026 as (

    select * from {{ source('hmis', 'organization') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'organization') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        organization_id,
        organization_name,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        organization_id,
        organization_name,
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
        btrim(organization_id) as source_organization_id,

        -- attributes
        {{ clean_text('organization_name') }} as organization_name,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where {{ clean_text('date_deleted') }} is null

)

select * from renamed
