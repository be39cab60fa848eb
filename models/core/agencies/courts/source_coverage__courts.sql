with

charges as (

    select * from {{ ref('stg_courts__charges') }}

),

-- The file comes whole, back to the first day of the year of its earliest row. What was
-- expunged since is gone from all of it.
snapshots as (

    select
        'charge_filed' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(filed_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from charges

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'courts') }}

)

select * from coverage_rows
