with

enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

-- The file comes whole, back to the first day of the year of its earliest row.
snapshots as (

    select
        'head_start' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(entry_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from enrollments

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'head_start') }}

)

select * from coverage_rows
