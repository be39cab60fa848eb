with

source as (

    select * from {{ source('jail', 'bookings') }}

),

renamed as (

    select
        -- identifiers
        btrim(booking_no) as source_booking_id,
        btrim(jacket_no) as source_jacket_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn_last4('ssn_last4') }} as ssn_last4,
        {{ clean_text('street') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        nullif({{ clean_text('race') }}, 'U') as race_code,
        {{ clean_text('charge_code') }} as charge_code,
        {{ clean_text('charge_level') }} as charge_level_code,
        {{ clean_text('release_reason') }} as release_reason_code,

        -- flags
        case hold_flag when 'Y' then true when 'N' then false end as is_held_for_another,

        -- dates
        {{ clean_date('birth_date', 'yyyymmdd', 'birth_date') }} as birth_date,
        {{ clean_timestamp('booking_dttm') }} as booked_at,
        {{ clean_timestamp('release_dttm') }} as released_at,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
