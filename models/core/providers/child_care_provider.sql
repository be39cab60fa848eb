with

providers as (

    select * from {{ ref('stg_licensing__providers') }}

),

ratings as (

    select * from {{ ref('stg_licensing__ratings') }}

),

-- The licence as the latest file has it, and the stars of the latest rating that has begun.
latest_licences as (

    select
        providers.*,
        row_number() over (
            partition by providers.source_provider_id
            order by providers.as_of_date desc, providers.load_id desc
        ) as place_from_end
    from providers

),

ranked_ratings as (

    select
        ratings.source_provider_id,
        ratings.stars,
        row_number() over (
            partition by ratings.source_provider_id
            order by ratings.effective_date desc, ratings.load_id desc
        ) as place_from_end
    from ratings
    where ratings.effective_date <= ratings.as_of_date and ratings.stars is not null

),

child_care_providers as (

    select
        -- identifiers
        {{ organization_key('licensing', 'latest_licences.source_provider_id') }}
            as organization_id,
        latest_licences.tract_geoid as place_id,

        -- attributes
        latest_licences.facility_type,
        latest_licences.opens_at,
        latest_licences.closes_at,

        -- measures
        cast(ranked_ratings.stars as integer) as stars,
        cast(latest_licences.capacity_total as integer) as licensed_capacity,

        -- flags
        coalesce(latest_licences.is_open, false) as is_open,
        latest_licences.is_accepting_subsidy,

        -- dates
        latest_licences.license_start_date,
        latest_licences.license_expiry_date,
        latest_licences.closed_date,
        latest_licences.as_of_date
    from latest_licences
    left join ranked_ratings
        on
            latest_licences.source_provider_id = ranked_ratings.source_provider_id
            and ranked_ratings.place_from_end = 1
    where latest_licences.place_from_end = 1

)

select * from child_care_providers
