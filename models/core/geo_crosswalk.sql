with

zip_counties as (

    select * from {{ ref('ref_zip_county') }}

),

places as (

    select * from {{ ref('place') }}

),

-- A place lies whole in the one above it.
contained as (

    select
        places.place_id as from_geoid,
        parents.place_id as to_geoid,
        places.place_type as from_type,
        places.vintage as from_vintage,
        parents.place_type as to_type,
        parents.vintage as to_vintage,
        'containment' as weight_basis,
        1 as weight
    from places
    inner join places as parents
        on places.parent_place_id = parents.place_id

),

{% set bases = ['residential', 'business', 'other', 'total'] -%}
unioned as (

    select * from contained
    {% for basis in bases -%}
    union all
    select
        zip as from_geoid,
        county_fips as to_geoid,
        'zip' as from_type,
        '2020' as from_vintage,
        'county' as to_type,
        '2020' as to_vintage,
        '{{ basis }} addresses' as weight_basis,
        {{ basis }}_share as weight
    from zip_counties
    {% endfor %}
),

crosswalk as (

    select
        -- identifiers
        from_geoid,
        to_geoid,

        -- attributes
        from_type,
        from_vintage,
        to_type,
        to_vintage,
        weight_basis,

        -- measures
        cast(weight as numeric(14, 10)) as weight
    from unioned
    where weight > 0

)

select * from crosswalk
