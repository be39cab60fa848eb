{#-
What is this test?
    Units whose weights to all units of another kind do not add up to one.
Why it matters
    Counts that are moved by such weights would gain or lose people.
How to fix
    The reference file of the pair is cut short or its shares are of another whole: load it anew.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'geo_crosswalk'}}}) }}

with

crosswalk as (

    select * from {{ ref('geo_crosswalk') }}

),

totals as (

    select
        from_geoid,
        from_vintage,
        to_type,
        to_vintage,
        weight_basis,
        sum(weight) as total_weight
    from crosswalk
    group by from_geoid, from_vintage, to_type, to_vintage, weight_basis

)

select *
from totals
where abs(total_weight - 1) > 0.000001
