with

vacancies as (

    select * from {{ ref('provider_vacancies') }}

),

age_groups as (

    select * from {{ ref('ref_child_care_age_group') }}

),

persons as (

    select * from {{ ref('person') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

disclosure as (

    select * from {{ ref('policy_disclosure') }}

),

feed_end as (

    select cast(max(as_of_at) as date) as as_of_date
    from vacancies

),

supply_by_place as (

    select
        coalesce(place_id, 'unknown') as place_id,
        age_group,
        case when is_stale or not is_open then 0 else capacity end as capacity,
        case when is_stale or not is_open then 0 else vacancies end as vacancies,
        case when is_stale then 1 else 0 end as stale_providers,
        case when not is_stale and is_open then 1 else 0 end as providers
    from vacancies
    union all
    select
        'all' as place_id,
        age_group,
        case when is_stale or not is_open then 0 else capacity end as capacity,
        case when is_stale or not is_open then 0 else vacancies end as vacancies,
        case when is_stale then 1 else 0 end as stale_providers,
        case when not is_stale and is_open then 1 else 0 end as providers
    from vacancies

),

supply as (

    select
        place_id,
        age_group,
        sum(capacity) as capacity,
        sum(vacancies) as vacancies,
        sum(stale_providers) as stale_providers,
        sum(providers) as providers
    from supply_by_place
    group by place_id, age_group

),

children as (

    select
        persons.person_id,
        residences.place_id,
        age_groups.age_group
    from persons
    cross join feed_end
    inner join residences
        on
            persons.person_id = residences.person_id
            and feed_end.as_of_date >= residences.start_date
            and (residences.last_day is null or feed_end.as_of_date <= residences.last_day)
    inner join age_groups
        on
            {{ months_between('persons.birth_month', 'feed_end.as_of_date') }}
            >= age_groups.min_age_months
            and {{ months_between('persons.birth_month', 'feed_end.as_of_date') }}
            < age_groups.below_age_months
    where persons.birth_month <= feed_end.as_of_date and persons.death_date is null

),

child_places as (

    select
        place_id,
        age_group,
        person_id
    from children
    union all
    select
        'all' as place_id,
        age_group,
        person_id
    from children

),

demand as (

    select
        place_id,
        age_group,
        count(distinct person_id) as n_children
    from child_places
    group by place_id, age_group

),

keys as (

    select
        place_id,
        age_group
    from supply
    union distinct
    select
        place_id,
        age_group
    from demand

),

counted as (

    select
        keys.place_id,
        keys.age_group,
        coalesce(supply.capacity, 0) as capacity,
        coalesce(supply.vacancies, 0) as vacancies,
        coalesce(supply.providers, 0) as providers,
        coalesce(supply.stale_providers, 0) as stale_providers,
        {{ published_count('coalesce(demand.n_children, 0)') }} as children
    from keys
    cross join disclosure
    left join supply
        on keys.place_id = supply.place_id and keys.age_group = supply.age_group
    left join demand
        on keys.place_id = demand.place_id and keys.age_group = demand.age_group
    where disclosure.policy = 'default'

),

supply_demand as (

    select
        -- identifiers
        counted.place_id,
        counted.age_group,

        -- measures
        cast(counted.capacity as integer) as capacity,
        cast(counted.vacancies as integer) as vacancies,
        cast(counted.providers as integer) as providers,
        cast(counted.stale_providers as integer) as stale_providers,
        counted.children,
        cast(counted.children - counted.capacity as integer) as gap,

        -- flags
        counted.children is null as is_suppressed,

        -- dates
        feed_end.as_of_date
    from counted
    cross join feed_end

)

select * from supply_demand
