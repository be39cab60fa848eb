with

cases as (

    select * from {{ ref('stg_child_support__cases') }}

),

-- The file comes whole, back to the first day of the year of its earliest row.
snapshots as (

    select
        'child_support' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(opened_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from cases

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'child_support') }}

)

select * from coverage_rows
