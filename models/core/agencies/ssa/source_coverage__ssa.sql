with

recipients as (

    select * from {{ ref('stg_ssa__ssi_recipients') }}

),

periods as (

    select distinct
        'ssi' as subject,
        payment_month as month
    from recipients
    where payment_month is not null

),

coverage_rows as (

    {{ period_rows('periods', 'ssa') }}

)

select * from coverage_rows
