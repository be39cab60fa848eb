{#-
What is this test?
    Every stratum of a frame is drawn from, and the weights of its sample add up to its persons.
Why it matters
    Weights that do not add up make every estimate wrong, and a stratum that is left out cannot be
    weighted back in.
How to fix
    Look at n_drawn and draw_order in sample_draws.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'sample_draws'}}}) }}

with

population as (

    select * from {{ ref('population_frame') }}

),

draws as (

    select * from {{ ref('sample_draws') }}

),

in_frame as (

    select
        frame,
        stratum,
        count(*) as n_persons
    from population
    where is_in_frame
    group by frame, stratum

),

drawn as (

    select
        frame,
        stratum,
        sum(sample_weight) as sum_of_weights
    from draws
    group by frame, stratum

)

select
    in_frame.frame,
    in_frame.stratum,
    in_frame.n_persons,
    drawn.sum_of_weights
from in_frame
left join drawn
    on in_frame.frame = drawn.frame and in_frame.stratum = drawn.stratum
where coalesce(abs(in_frame.n_persons - drawn.sum_of_weights) > 0.001 * in_frame.n_persons, true)
