with

source as (

    select * from {{ source('k12', 'submissions') }}

),

renamed as (

    select
        -- identifiers
        btrim(school_id) as source_school_id,

        -- measures
        {{ clean_integer('days_in_session') }} as days_in_session,

        -- flags
        {{ clean_text('submitted_date') }} is not null as is_submitted,

        -- dates
        {{ clean_month('report_month') }} as report_month,
        {{ clean_date('submitted_date', 'yyyy-mm-dd') }} as submitted_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
