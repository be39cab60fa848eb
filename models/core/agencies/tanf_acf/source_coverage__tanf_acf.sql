with

families as (

    select * from {{ ref('stg_tanf_acf__families') }}

),

periods as (

    select distinct
        'tanf' as subject,
        report_month as month
    from families
    where report_month is not null

),

coverage_rows as (

    {{ period_rows('periods', 'tanf_acf') }}

)

select * from coverage_rows
