with

enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

-- Program years come whole, from September on; those that have left the file stay as last told.
snapshots as (

    select
        'head_start' as subject,
        'snapshot' as basis,
        cast({{ dbt.concat(['min(program_year)', "'-09-01'"]) }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from enrollments

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'head_start') }}

)

select * from coverage_rows
