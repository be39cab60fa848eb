with

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

periods as (

    select distinct
        program_id as subject,
        report_month as month
    from case_members
    where report_month is not null

),

coverage_rows as (

    {{ period_rows('periods', 'benefits') }}

)

select * from coverage_rows
