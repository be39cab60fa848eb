with

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

periods as (

    select distinct
        'employment' as subject,
        quarter_start as month
    from wages
    where quarter_start is not null

),

coverage_rows as (

    {{ period_rows('periods', 'wages', months_per_row=3) }}

)

select * from coverage_rows
