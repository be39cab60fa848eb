with

reports as (

    select * from {{ ref('stg_housing__family_reports') }}

),

actions as (

    select * from {{ ref('ref_housing_action') }}

),

-- Households whose subsidy ended before the file begins are not in it: the earliest end is of the
-- first year told. Without any, only the month of the delivery is known whole.
told as (

    select
        min(case when actions.is_end_of_subsidy then reports.effective_date end) as first_end_date,
        max(reports.as_of_date) as coverage_end
    from reports
    left join actions
        on reports.action_code = actions.action_code

),

snapshots as (

    select
        'subsidized_tenancy' as subject,
        'snapshot' as basis,
        coalesce(
            cast({{ dbt.date_trunc('year', 'first_end_date') }} as date),
            {{ first_of_month('coverage_end') }}
        ) as coverage_start,
        coverage_end
    from told
    where coverage_end is not null

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'housing') }}

)

select * from coverage_rows
