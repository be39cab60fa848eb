{%- set agencies = [
    'benefits',
    'child_care',
    'child_support',
    'child_welfare',
    'early_intervention',
    'head_start',
    'hmis',
    'housing',
    'jail',
    'k12',
    'medicaid',
    'ssa',
    'tanf_acf',
    'wages',
] -%}
with

{% for agency in agencies -%}
{{ agency }} as (

    select * from {{ ref('spell_source__' ~ agency) }}

),

{% endfor -%}
unioned as (

    {% for agency in agencies -%}
    select * from {{ agency }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

source_spells as (

    select
        -- identifiers
        spell_source_id,
        person_id,
        program_id,
        organization_id,
        parent_spell_source_id,
        source_system,

        -- attributes
        start_reason_std_code,
        end_reason_std_code,

        -- dates
        start_date,
        last_day,
        last_activity_date
    from unioned

)

select * from source_spells
