with

source_rows as (

    select * from {{ ref('stg_food_bank__visits') }}

),

periods as (

    select distinct
        'food_bank_visit' as subject,
        {{ delivery_month('delivery') }} as month
    from source_rows

),

coverage_rows as (

    {{ period_rows('periods', 'food_bank') }}

)

select * from coverage_rows
