with

addresses as (

    select * from {{ ref('int_identity__addresses_standardised') }}

),

address_points as (

    select * from {{ ref('int_identity__address_points_standardised') }}

),

points as (

    select
        address_key,
        tract_geoid,
        use_code
    from address_points
    where tract_geoid is not null

),

exact_points as (

    select
        address_key,
        min(tract_geoid) as tract_geoid,
        max(use_code) as use_code
    from points
    group by address_key
    having count(distinct tract_geoid) = 1

),

-- The unit is often left out or mistyped; a building lies in one tract all the same.
building_points as (

    select
        split_part(address_key, '|', 1) as street,
        split_part(address_key, '|', 3) as zip,
        min(tract_geoid) as tract_geoid,
        max(use_code) as use_code
    from points
    group by split_part(address_key, '|', 1), split_part(address_key, '|', 3)
    having count(distinct tract_geoid) = 1

),

distinct_addresses as (

    select distinct
        address_key,
        split_part(address_key, '|', 1) as street,
        split_part(address_key, '|', 3) as zip
    from addresses
    where address_key is not null

),

matched as (

    select
        distinct_addresses.address_key,
        coalesce(exact_points.tract_geoid, building_points.tract_geoid) as tract_geoid,
        case
            when exact_points.tract_geoid is not null then 'unit'
            when building_points.tract_geoid is not null then 'building'
            else 'none'
        end as match_quality,
        coalesce(exact_points.use_code, building_points.use_code) in ('G', 'I')
            as is_group_quarters
    from distinct_addresses
    left join exact_points
        on distinct_addresses.address_key = exact_points.address_key
    left join building_points
        on
            distinct_addresses.street = building_points.street
            and distinct_addresses.zip = building_points.zip

),

-- A number stands for the dwelling in what leaves identity: the list of all addresses is public,
-- so that a hash of one is as good as the address.
geocoded as (

    select
        -- identifiers
        address_key,
        tract_geoid,
        case
            when match_quality = 'unit' and not is_group_quarters
                then row_number() over (order by {{ surrogate_key(['address_key']) }})
        end as dwelling_number,

        -- attributes
        match_quality,

        -- flags
        is_group_quarters
    from matched

)

select * from geocoded
