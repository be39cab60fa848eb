{%- set agencies = [
    'head_start',
    'hmis',
    'jail',
    'k12',
    'licensing',
] -%}
with

{% for agency in agencies -%}
{{ agency }} as (

    select * from {{ ref('organization__' ~ agency) }}

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

organizations as (

    select
        -- identifiers
        organization_id,
        source_system,
        source_organization_id,
        program_id,
        place_id,

        -- attributes
        organization_type,
        organization_subtype,
        organization_name,
        parent_name,

        -- dates
        open_date,
        close_date
    from unioned

)

select * from organizations
