{%- set agencies = [
    'adult_protection',
    'benefits',
    'child_care',
    'child_support',
    'child_welfare',
    'clinic',
    'courts',
    'early_intervention',
    'food_bank',
    'head_start',
    'helpline',
    'hmis',
    'housing',
    'jail',
    'k12',
    'medicaid',
    'police',
    'ssa',
    'tanf_acf',
    'utility',
    'vital',
    'wages',
] -%}
with

programs as (

    select * from {{ ref('program') }}

),

{% for agency in agencies -%}
{{ agency }} as (

    select * from {{ ref('source_coverage__' ~ agency) }}

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

coverage as (

    select
        -- identifiers
        {{ surrogate_key(['unioned.source_system', 'unioned.subject', 'unioned.coverage_start']) }}
            as coverage_id,
        unioned.source_system,
        unioned.subject,
        programs.program_id,

        -- attributes
        unioned.basis,

        -- measures
        unioned.n_periods,

        -- dates
        unioned.coverage_start,
        unioned.coverage_end
    from unioned
    left join programs
        on unioned.subject = programs.program_id

)

select * from coverage
