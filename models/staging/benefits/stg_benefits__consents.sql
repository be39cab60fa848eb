with

source as (

    select * from {{ source('benefits', 'consents') }}

),

renamed as (

    select
        -- identifiers
        btrim(consent_id) as source_consent_id,
        btrim(client_id) as source_client_id,

        -- attributes
        case purpose when 'SCREEN' then 'benefit_screening' end as purpose,
        case channel when 'W' then 'portal' when 'O' then 'office' end as channel,

        -- dates
        {{ clean_date('granted_on', 'mm/dd/yyyy') }} as granted_on,
        {{ clean_date('revoked_on', 'mm/dd/yyyy') }} as revoked_on,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
