with

memberships as (

    select * from {{ ref('household_membership') }}

),

household_policy as (

    select * from {{ ref('policy_household') }}

),

panel_policy as (

    select * from {{ ref('policy_panel') }}

),

spells as (

    select
        memberships.household_id,
        memberships.person_id,
        memberships.source_system,
        memberships.basis,
        memberships.role,
        memberships.last_observed_day,
        memberships.start_date,
        {{ add_days('memberships.last_assumed_day', 1) }} as end_date_excl
    from memberships

),

by_month as (

    {{ spell_months('spells') }}

),

in_window as (

    select
        by_month.household_id,
        by_month.person_id,
        by_month.source_system,
        by_month.basis,
        by_month.role,
        by_month.month,
        by_month.days_active,
        case
            when by_month.basis <> 'co_residence' then 'stated'
            when by_month.month <= by_month.last_observed_day then 'confirmed'
            else 'carried'
        end as evidence
    from by_month
    inner join panel_policy
        on
            panel_policy.panel = 'household_month'
            and by_month.month >= panel_policy.first_month
            and by_month.month <= coalesce(panel_policy.last_month, by_month.month)

),

-- The best placed of the households that know the person in the month; then the one in which the
-- person was longer, then the lower id, so that the answer never depends on the order of rows.
ranked as (

    select
        in_window.household_id,
        in_window.person_id,
        in_window.basis,
        in_window.role,
        in_window.evidence,
        in_window.month,
        household_policy.confidence,
        row_number() over (
            partition by in_window.person_id, in_window.month
            order by
                household_policy.priority asc, in_window.days_active desc,
                in_window.household_id asc
        ) as place
    from in_window
    inner join household_policy
        on
            in_window.basis = household_policy.basis
            and in_window.evidence = household_policy.evidence
            and household_policy.source_system in (in_window.source_system, 'any')

),

months as (

    select
        -- identifiers
        person_id,
        household_id,

        -- attributes
        basis,
        role,
        evidence,
        confidence,

        -- measures
        cast(count(*) over (partition by household_id, month) as integer) as n_persons,

        -- dates
        month
    from ranked
    where place = 1

)

select * from months
