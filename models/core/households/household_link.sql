with

months as (

    select * from {{ ref('household_month') }}

),

steps as (

    select
        person_id,
        household_id as from_household_id,
        n_persons,
        month as from_month,
        lead(household_id) over (partition by person_id order by month) as to_household_id,
        lead(month) over (partition by person_id order by month) as to_month
    from months

),

changes as (

    select
        from_household_id,
        to_household_id,
        to_month,
        max(n_persons) as n_persons_before,
        count(*) as n_persons
    from steps
    where to_household_id <> from_household_id
    group by from_household_id, to_household_id, to_month

),

links as (

    select
        -- identifiers
        from_household_id,
        to_household_id,

        -- measures
        cast(n_persons as integer) as n_persons,

        -- flags
        n_persons = n_persons_before as is_whole_household,

        -- dates
        to_month as month
    from changes

)

select * from links
