{#-
What is this test?
    For each person and program, the days of person_month_program are the days of its spells within
    the months of the panel, counted by another road: from the first and last day of each spell.
Why it matters
    Durations come from spells and time series from the panel; they must tell of the same days.
How to fix
    A difference in one program points to its spells (not disjoint?), in all to ref_month or the
    window of policy_panel.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'person_month_program'}}}) }}

with

panel as (

    select * from {{ ref('person_month_program') }}

),

spells as (

    select * from {{ ref('spell') }}

),

panel_policy as (

    select * from {{ ref('policy_panel') }}

),

by_panel as (

    select
        person_id,
        program_id,
        sum(days_active) as n_days
    from panel
    group by person_id, program_id

),

spells_cut as (

    select
        spells.person_id,
        spells.program_id,
        {{ later_of('spells.start_date', 'panel_policy.first_month') }} as start_date,
        spells.last_observed_day
    from spells
    cross join panel_policy
    where
        panel_policy.panel = 'person_month_program'
        and panel_policy.last_month is null
        and spells.last_observed_day >= panel_policy.first_month

),

by_spell as (

    select
        person_id,
        program_id,
        sum({{ days_between('start_date', 'last_observed_day') }} + 1) as n_days
    from spells_cut
    group by person_id, program_id

)

select
    by_spell.person_id,
    by_spell.program_id,
    by_spell.n_days as n_days_of_spells,
    by_panel.n_days as n_days_of_panel
from by_spell
left join by_panel
    on
        by_spell.person_id = by_panel.person_id
        and by_spell.program_id = by_panel.program_id
where by_panel.n_days is null or by_panel.n_days <> by_spell.n_days
