with

births as (

    select * from {{ ref('stg_vital__births') }}

),

deaths as (

    select * from {{ ref('stg_vital__deaths') }}

),

-- Certificates come whole: what the agency knew on the last day of the month of the delivery, back
-- to the year of the earliest one.
snapshots as (

    select
        'births' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(birth_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from births
    union all
    select
        'deaths' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(death_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from deaths

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'vital') }}

)

select * from coverage_rows
