with

address_points as (

    select * from {{ ref('stg_gis__address_points') }}

),

keys as (

    {{ address_keys('address_points', 'source_address_point_id') }}

),

standardised as (

    select
        -- identifiers
        address_points.source_address_point_id,
        keys.address_key,
        address_points.tract_geoid,

        -- attributes
        address_points.use_code
    from address_points
    inner join keys
        on address_points.source_address_point_id = keys.source_address_point_id

)

select * from standardised
