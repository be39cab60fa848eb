{#-
What is this test?
    For each program, the months that person_month flags are the months of the panel that a spell
    touches, counted by another road: from the first and last month of each spell.
Why it matters
    The panel is what most analyses read; the spells are the truth.
How to fix
    Compare the months of one program. A surplus points to spells that are not disjoint, a deficit
    to the persons or months that the panel leaves out.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'person_month'}}}) }}

with

panel as (

    select * from {{ ref('person_month') }}

),

spells as (

    select * from {{ ref('spell') }}

),

panel_months as (

    select
        person_id,
        month
    from panel

),

from_panel as (

    select
        sum(case when has_snap then 1 else 0 end) as snap,
        sum(case when is_employed then 1 else 0 end) as employment,
        sum(case when is_enrolled_k12 then 1 else 0 end) as k12_enrollment,
        sum(case when is_in_shelter then 1 else 0 end) as shelter,
        sum(case when is_in_jail then 1 else 0 end) as jail
    from panel

),

touched as (

    select distinct
        spells.program_id,
        panel_months.person_id,
        panel_months.month
    from spells
    inner join panel_months
        on
            spells.person_id = panel_months.person_id
            and {{ first_of_month('spells.start_date') }} <= panel_months.month
            and {{ first_of_month('spells.last_observed_day') }} >= panel_months.month

),

from_spells as (

    select
        sum(case when program_id = 'snap' then 1 else 0 end) as snap,
        sum(case when program_id = 'employment' then 1 else 0 end) as employment,
        sum(case when program_id = 'k12_enrollment' then 1 else 0 end) as k12_enrollment,
        sum(case when program_id = 'shelter' then 1 else 0 end) as shelter,
        sum(case when program_id = 'jail' then 1 else 0 end) as jail
    from touched

)

select
    from_panel.snap as snap_panel,
    from_spells.snap as snap_spells,
    from_panel.employment as employment_panel,
    from_spells.employment as employment_spells,
    from_panel.k12_enrollment as k12_enrollment_panel,
    from_spells.k12_enrollment as k12_enrollment_spells,
    from_panel.shelter as shelter_panel,
    from_spells.shelter as shelter_spells,
    from_panel.jail as jail_panel,
    from_spells.jail as jail_spells
from from_panel
cross join from_spells
where
    from_panel.snap <> from_spells.snap
    or from_panel.employment <> from_spells.employment
    or from_panel.k12_enrollment <> from_spells.k12_enrollment
    or from_panel.shelter <> from_spells.shelter
    or from_panel.jail <> from_spells.jail
