with

source_rows as (

    select * from {{ ref('stg_utility__accounts') }}

),

periods as (

    select distinct
        'utility_shutoff' as subject,
        {{ delivery_month('delivery') }} as month
    from source_rows

),

coverage_rows as (

    {{ period_rows('periods', 'utility') }}

)

select * from coverage_rows
