with

source as (

    select * from {{ source('hmis', 'organization') }}

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
