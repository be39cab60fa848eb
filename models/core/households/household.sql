with

memberships as (

    select * from {{ ref('household_membership') }}

),

households as (

    select
        -- identifiers
        household_id,
        min(case when is_head then person_id end) as head_person_id,
        min(program_id) as program_id,
        min(source_system) as source_system,

        -- attributes
        min(basis) as basis,
        min(confidence) as confidence,

        -- measures
        cast(count(distinct person_id) as integer) as n_persons_ever,

        -- dates
        min(start_date) as start_date,
        max(last_observed_day) as last_observed_day
    from memberships
    group by household_id

)

select * from households
