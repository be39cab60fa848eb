{%- set program_columns = {
    'k12_enrollment': 'is_enrolled_k12',
    'snap': 'has_snap',
    'tanf': 'has_tanf',
    'employment': 'is_employed',
    'shelter': 'is_in_shelter',
    'transitional_housing': 'is_in_transitional_housing',
    'permanent_housing': 'is_in_permanent_housing',
    'street_outreach': 'has_street_outreach',
    'other_homeless_service': 'has_other_homeless_service',
    'jail': 'is_in_jail',
} -%}
with

persons as (

    select * from {{ ref('person') }}

),

events as (

    select * from {{ ref('event') }}

),

spells as (

    select
        person_id,
        program_id,
        start_date,
        {{ add_days('last_observed_day', 1) }} as end_date_excl
    from {{ ref('spell') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

months as (

    select * from {{ ref('ref_month') }}

),

panel_policy as (

    select * from {{ ref('policy_panel') }}

),

panel_window as (

    select
        panel_policy.first_month,
        coalesce(panel_policy.last_month, {{ first_of_month('max(coverage.coverage_end)') }})
            as last_month
    from panel_policy
    cross join coverage
    where panel_policy.panel = 'person_month' and coverage.program_id is not null
    group by panel_policy.first_month, panel_policy.last_month

),

-- A program is covered in a month when one of its sources covers the whole month.
months_covered as (

    select
        months.month_start,
        months.next_month_start,
        {% for program_id in program_columns -%}
        max(case when coverage.program_id = '{{ program_id }}' then 1 else 0 end)
            as covers_{{ program_id }},
        {% endfor -%}
        count(distinct coverage.program_id) as n_programs_covered
    from months
    inner join panel_window
        on
            months.month_start >= panel_window.first_month
            and months.month_start <= panel_window.last_month
    inner join coverage
        on
            months.month_start >= coverage.coverage_start
            and months.next_month_start <= {{ add_days('coverage.coverage_end', 1) }}
    where coverage.program_id is not null
    group by months.month_start, months.next_month_start

),

first_evidence as (

    select
        person_id,
        {{ first_of_month('min(event_date)') }} as first_month
    from events
    group by person_id

),

observed as (

    select
        persons.person_id,
        persons.birth_month,
        months_covered.*
    from persons
    inner join first_evidence
        on persons.person_id = first_evidence.person_id
    inner join months_covered
        on
            first_evidence.first_month <= months_covered.month_start
            and (
                persons.death_date is null
                or persons.death_date >= months_covered.month_start
            )

),

active_months as (

    {{ spell_months('spells') }}

),

activity as (

    select
        active_months.person_id,
        active_months.month,
        {% for program_id in program_columns -%}
        max(case when active_months.program_id = '{{ program_id }}' then 1 else 0 end)
            as active_{{ program_id }},
        {% endfor -%}
        count(distinct active_months.program_id) as n_programs
    from active_months
    inner join months_covered
        on active_months.month = months_covered.month_start
    group by active_months.person_id, active_months.month

),

panel as (

    select
        -- identifiers
        observed.person_id,
        residences.place_id,

        -- measures
        {{ months_between('observed.birth_month', 'observed.month_start') }} as age_months,
        cast(coalesce(activity.n_programs, 0) as integer) as n_programs,
        cast(observed.n_programs_covered as integer) as n_programs_covered,

        -- flags
        {% for program_id, column in program_columns.items() -%}
        case
            when activity.active_{{ program_id }} = 1 then true
            when observed.covers_{{ program_id }} = 1 then false
        end as {{ column }},
        {% endfor %}
        -- dates
        observed.month_start as month
    from observed
    left join activity
        on
            observed.person_id = activity.person_id
            and observed.month_start = activity.month
    left join residences
        on
            observed.person_id = residences.person_id
            and observed.month_start >= residences.start_date
            and (residences.last_day is null or observed.month_start <= residences.last_day)

)

select * from panel
