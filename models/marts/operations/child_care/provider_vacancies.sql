with

capacities as (

    select * from {{ ref('provider_capacity') }}

),

providers as (

    select * from {{ ref('child_care_provider') }}

),

freshness as (

    select * from {{ ref('policy_freshness') }}

),

feed_end as (

    select max(as_of_at) as feed_until
    from capacities

),

-- State is what the provider said last by its own clock, in whatever order messages came.
ranked as (

    select
        capacities.*,
        row_number() over (
            partition by capacities.organization_id, capacities.age_group
            order by capacities.as_of_at desc
        ) as place_from_end
    from capacities

),

vacancies as (

    select
        -- identifiers
        ranked.organization_id,
        ranked.age_group,
        providers.place_id,

        -- attributes
        providers.facility_type,
        providers.opens_at,
        providers.closes_at,

        -- measures
        ranked.capacity,
        ranked.enrolled,
        ranked.vacancies,
        providers.stars,
        cast({{ days_between('ranked.as_of_at', 'feed_end.feed_until') }} as integer) as age_days,

        -- flags
        providers.organization_id is not null as is_licensed,
        coalesce(providers.is_open, false) as is_open,
        providers.is_accepting_subsidy,
        {{ days_between('ranked.as_of_at', 'feed_end.feed_until') }} > freshness.stale_after_days
            as is_stale,

        -- dates
        ranked.as_of_at
    from ranked
    cross join feed_end
    cross join freshness
    left join providers
        on ranked.organization_id = providers.organization_id
    where ranked.place_from_end = 1 and freshness.feed = 'provider_capacity'

)

select * from vacancies
