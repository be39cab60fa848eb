with

tracts as (

    select * from {{ ref('ref_tract') }}

),

counties as (

    select * from {{ ref('ref_county') }}

),

states as (

    select * from {{ ref('ref_state') }}

),

unioned as (

    select
        tract_geoid as place_id,
        county_fips as parent_place_id,
        'tract' as place_type,
        tract_name as place_name
    from tracts
    union all
    select
        county_fips as place_id,
        state_fips as parent_place_id,
        'county' as place_type,
        county_name as place_name
    from counties
    union all
    select
        state_fips as place_id,
        cast(null as {{ dbt.type_string() }}) as parent_place_id,
        'state' as place_type,
        state_name as place_name
    from states

),

places as (

    select
        -- identifiers
        place_id,
        parent_place_id,

        -- attributes
        place_type,
        place_name,
        '2020' as vintage
    from unioned

)

select * from places
