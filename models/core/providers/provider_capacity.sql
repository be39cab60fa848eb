with

messages as (

    select * from {{ ref('stg_vacancy__capacity') }}

),

-- A message sent twice says the same thing twice; two of one instant: the one that came last.
ranked as (

    select
        messages.*,
        row_number() over (
            partition by messages.source_provider_id, messages.age_group, messages.as_of_at
            order by messages.load_id desc, messages.line_number desc
        ) as place_from_end
    from messages
    where messages.age_group is not null and messages.as_of_at is not null

),

capacities as (

    select
        -- identifiers
        {{ organization_key('licensing', 'source_provider_id') }} as organization_id,

        -- attributes
        age_group,

        -- measures
        cast(capacity as integer) as capacity,
        cast(enrolled as integer) as enrolled,
        cast(vacancies as integer) as vacancies,

        -- dates
        as_of_at,
        as_of_date
    from ranked
    where place_from_end = 1

)

select * from capacities
