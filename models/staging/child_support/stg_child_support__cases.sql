with

source as (

    select * from {{ source('child_support', 'cases') }}

),

renamed as (

    select
        -- identifiers
        btrim(case_id) as source_case_id,

        -- attributes
        {{ clean_text('case_type') }} as case_type_code,
        {{ clean_text('closure_code') }} as closure_code,

        -- flags
        case paternity_established when 'Y' then true when 'N' then false end
            as has_paternity_established,

        -- dates
        {{ clean_date('opened_date', 'mm/dd/yyyy') }} as opened_date,
        {{ clean_date('closed_date', 'mm/dd/yyyy') }} as closed_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
