with

reports as (

    select * from {{ ref('stg_child_welfare__child_reports') }}

),

removals as (

    select * from {{ ref('stg_child_welfare__removals') }}

),

placements as (

    select * from {{ ref('stg_child_welfare__placements') }}

),

-- The files come whole, back to the first day of the year of the earliest row. A report is told
-- when it is closed, so the last months of reports are short.
snapshots as (

    select
        'child_protection_report' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(report_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from reports
    union all
    select
        'foster_care' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(removal_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from removals
    union all
    select
        'foster_placement' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(begin_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from placements

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'child_welfare') }}

)

select * from coverage_rows
