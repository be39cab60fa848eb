with

arrests as (

    select * from {{ ref('stg_police__arrests') }}

),

-- The file comes whole, back to the first day of the year of its earliest row. What was
-- expunged since is gone from all of it.
snapshots as (

    select
        'arrest' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(arrest_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from arrests

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'police') }}

)

select * from coverage_rows
