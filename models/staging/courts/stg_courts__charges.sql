with

source as (

    select * from {{ source('courts', 'charges') }}

),

renamed as (

    select
        -- identifiers
        btrim(case_no) as source_case_id,
        {{ clean_text('arrest_no') }} as source_arrest_id,
        {{ name_part('defendant_name', 'first') }} as first_name,
        {{ name_part('defendant_name', 'middle') }} as middle_name,
        {{ name_part('defendant_name', 'last') }} as last_name,
        {{ name_part('defendant_name', 'suffix') }} as suffix,
        {{ clean_text('street') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        nullif({{ clean_text('race') }}, 'U') as race_code,
        {{ clean_text('statute') }} as statute,
        {{ clean_text('statute_class') }} as statute_class_code,
        {{ clean_text('disposition_code') }} as disposition_code,
        {{ clean_text('sentence_type') }} as sentence_type_code,

        -- measures
        {{ clean_integer('charge_no') }} as charge_number,
        {{ clean_integer('sentence_days') }} as sentence_days,

        -- dates
        {{ clean_date('birth_date', 'mm/dd/yyyy', 'birth_date') }} as birth_date,
        {{ clean_date('filed_date', 'mm/dd/yyyy') }} as filed_date,
        {{ clean_date('disposition_date', 'mm/dd/yyyy') }} as disposition_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
