with

coverage as (

    select * from {{ ref('source_coverage') }}

),

stretches as (

    select
        program_id,
        coverage_start as start_date,
        {{ add_days('coverage_end', 1) }} as end_date_excl
    from coverage
    where program_id is not null

),

-- A program that two sources report is covered where either looks.
collapsed as (

    {{ collapse_spells('stretches', ['program_id']) }}

),

program_stretches as (

    select
        -- identifiers
        program_id,

        -- measures
        cast({{ days_between('start_date', 'end_date_excl') }} as integer) as n_days,

        -- dates
        start_date as coverage_start,
        {{ last_day('end_date_excl') }} as coverage_end
    from collapsed

)

select * from program_stretches
