with

subsidy_months as (

    select * from {{ ref('stg_child_care__subsidy_months') }}

),

periods as (

    select distinct
        'child_care_subsidy' as subject,
        report_month as month
    from subsidy_months
    where report_month is not null

),

coverage_rows as (

    {{ period_rows('periods', 'child_care') }}

)

select * from coverage_rows
