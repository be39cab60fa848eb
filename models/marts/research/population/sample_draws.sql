with

population as (

    select * from {{ ref('population_frame') }}

),

frames as (

    select * from {{ ref('policy_population_frame') }}

),

-- The order of persons is a hash of the seed and the person: the same on every engine and run.
shuffled as (

    select
        population.frame,
        population.person_id,
        population.stratum,
        frames.draw_seed,
        frames.sample_size,
        row_number() over (
            partition by population.frame, population.stratum
            order by
                {{ surrogate_key(['frames.draw_seed', 'population.person_id']) }},
                population.person_id
        ) as draw_order,
        count(*) over (partition by population.frame, population.stratum) as n_in_stratum,
        count(*) over (partition by population.frame) as n_in_frame
    from population
    inner join frames
        on population.frame = frames.frame
    where population.is_in_frame

),

-- In proportion to the stratum, rounded up: no stratum is left out.
sized as (

    select
        shuffled.*,
        case
            when shuffled.n_in_frame <= shuffled.sample_size then shuffled.n_in_stratum
            else ceil(
                cast(shuffled.sample_size as numeric)
                * shuffled.n_in_stratum / shuffled.n_in_frame
            )
        end as n_drawn
    from shuffled

),

draws as (

    select
        -- identifiers
        frame,
        person_id,

        -- attributes
        draw_seed,
        stratum,

        -- measures
        cast(draw_order as integer) as draw_order,
        cast(n_in_stratum as integer) as n_in_stratum,
        cast(n_drawn as integer) as n_drawn,
        cast(cast(n_drawn as numeric) / n_in_stratum as numeric(12, 8)) as selection_probability,
        cast(cast(n_in_stratum as numeric) / n_drawn as numeric(14, 6)) as sample_weight
    from sized
    where draw_order <= n_drawn

)

select * from draws
