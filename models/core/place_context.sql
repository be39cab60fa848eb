{%- set acs_measures = [
    'population', 'population_under_18', 'population_65_over', 'households',
    'poverty_universe', 'below_150_pct_poverty', 'uninsured', 'unemployed',
    'households_no_vehicle', 'unemployment_pct', 'no_diploma_pct',
] -%}
{%- set svi_measures = [
    'below_150_pct_poverty_pct', 'housing_burden_pct', 'single_parent_pct',
    'limited_english_pct', 'minority_pct', 'disability_pct', 'rank_socioeconomic',
    'rank_household', 'rank_minority_language', 'rank_housing_transport', 'rank_overall',
] -%}
with

acs as (

    select * from {{ ref('ref_acs_tract') }}

),

svi as (

    select * from {{ ref('ref_svi_tract') }}

),

unioned as (

    {% for measure in acs_measures -%}
    select
        tract_geoid as place_id,
        'acs5' as dataset,
        '{{ measure }}' as measure,
        '2016-2020' as period,
        {{ measure }} as estimate,
        {{ measure }}_moe as margin_of_error
    from acs
    union all
    {% endfor -%}
    {% for measure in svi_measures -%}
    select
        tract_geoid as place_id,
        'svi' as dataset,
        '{{ measure }}' as measure,
        '2020' as period,
        {{ measure }} as estimate,
        cast(null as numeric) as margin_of_error
    from svi
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

context as (

    select
        -- identifiers
        place_id,

        -- attributes
        dataset,
        measure,
        period,

        -- measures
        cast(estimate as numeric(14, 4)) as estimate,
        cast(margin_of_error as numeric(14, 4)) as margin_of_error
    from unioned
    where estimate is not null

)

select * from context
