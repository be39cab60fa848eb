with

investigations as (

    select * from {{ ref('stg_adult_protection__investigations') }}

),

-- The file comes whole, back to the first day of the year of its earliest row.
snapshots as (

    select
        'adult_protection_report' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(report_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from investigations

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'adult_protection') }}

)

select * from coverage_rows
