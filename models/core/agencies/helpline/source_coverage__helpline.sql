with

source_rows as (

    select * from {{ ref('stg_helpline__contacts') }}

),

periods as (

    select distinct
        'helpline_contact' as subject,
        {{ delivery_month('delivery') }} as month
    from source_rows

),

coverage_rows as (

    {{ period_rows('periods', 'helpline') }}

)

select * from coverage_rows
