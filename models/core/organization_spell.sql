with

organizations as (

    select * from {{ ref('organization') }}

),

ratings as (

    select * from {{ ref('stg_licensing__ratings') }}

),

-- In operation, as the agency says, and rated by the quality rating system.
stretches as (

    select
        organization_id,
        'in_operation' as status,
        cast(null as integer) as stars,
        open_date as start_date,
        close_date as last_day
    from organizations
    where open_date is not null
    union all
    select
        organizations.organization_id,
        'rated' as status,
        ratings.stars,
        ratings.effective_date as start_date,
        ratings.last_day
    from ratings
    inner join organizations
        on
            {{ organization_key('licensing', 'ratings.source_provider_id') }}
            = organizations.organization_id
    where ratings.effective_date is not null

),

organization_spells as (

    select
        -- identifiers
        organization_id,

        -- attributes
        status,

        -- measures
        stars,

        -- dates
        start_date,
        last_day
    from stretches
    where last_day is null or last_day >= start_date

)

select * from organization_spells
