with

source as (

    select * from {{ source('gis', 'address_points') }}

),

renamed as (

    select
        -- identifiers
        btrim(address_point_id) as source_address_point_id,
        {{ clean_text("concat_ws(' ', nullif(btrim(house_number), ''), btrim(street_name))") }}
            as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,
        {{ clean_text('tract_geoid') }} as tract_geoid,

        -- attributes
        {{ clean_text('use_code') }} as use_code,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
