with

source as (

    select * from {{ source('child_support', 'payments') }}

),

renamed as (

    select
        -- identifiers
        btrim(case_id) as source_case_id,

        -- measures
        {{ clean_integer('amount_due') }} as amount_due,
        {{ clean_integer('amount_paid') }} as amount_paid,
        {{ clean_integer('arrears_balance') }} as arrears_balance,

        -- dates
        {{ clean_month('payment_month') }} as payment_month,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
