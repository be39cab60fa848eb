with

source as (

    select * from {{ source('child_support', 'orders') }}

),

renamed as (

    select
        -- identifiers
        btrim(case_id) as source_case_id,

        -- attributes
        {{ clean_text('order_type') }} as order_type_code,

        -- measures
        {{ clean_integer('order_no') }} as order_number,
        {{ clean_integer('monthly_amount') }} as monthly_amount,

        -- dates
        {{ clean_date('effective_date', 'mm/dd/yyyy') }} as effective_date,
        {{ clean_date('end_date', 'mm/dd/yyyy') }} as end_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
