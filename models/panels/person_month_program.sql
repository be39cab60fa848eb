with

spells as (

    select
        person_id,
        program_id,
        start_date,
        {{ add_days('last_observed_day', 1) }} as end_date_excl
    from {{ ref('spell') }}

),

panel_policy as (

    select * from {{ ref('policy_panel') }}

),

spells_in_panel as (

    select spells.*
    from spells
    cross join panel_policy
    where
        panel_policy.panel = 'person_month_program'
        and spells.end_date_excl > panel_policy.first_month
        and (
            panel_policy.last_month is null
            or spells.start_date < {{ add_months('panel_policy.last_month', 1) }}
        )

),

active_months as (

    {{ spell_months('spells_in_panel') }}

),

panel as (

    select
        -- identifiers
        active_months.person_id,
        active_months.program_id,

        -- measures
        cast(sum(active_months.days_active) as integer) as days_active,
        cast(count(*) as integer) as n_spells,

        -- flags
        max(case when active_months.is_active_on_last_day then 1 else 0 end) = 1
            as is_active_on_last_day,

        -- dates
        active_months.month
    from active_months
    cross join panel_policy
    where
        panel_policy.panel = 'person_month_program'
        and active_months.month >= panel_policy.first_month
        and (panel_policy.last_month is null or active_months.month <= panel_policy.last_month)
    group by active_months.person_id, active_months.program_id, active_months.month

)

select * from panel
