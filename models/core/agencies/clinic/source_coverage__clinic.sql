with

encounters as (

    select * from {{ ref('stg_clinic__encounters') }}

),

observations as (

    select * from {{ ref('stg_clinic__observations') }}

),

periods as (

    select distinct
        'health_encounter' as subject,
        {{ delivery_month('delivery') }} as month
    from encounters
    union all
    select distinct
        'lead_test' as subject,
        {{ delivery_month('delivery') }} as month
    from observations

),

coverage_rows as (

    {{ period_rows('periods', 'clinic') }}

)

select * from coverage_rows
