with

source as (

    select * from {{ source('child_support', 'participants') }}

),

renamed as (

    select
        -- identifiers
        btrim(case_id) as source_case_id,
        btrim(member_id) as source_member_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text('street') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        {{ clean_text('role') }} as role_code,
        case when sex in ('F', 'M') then sex end as sex,

        -- dates
        {{ clean_date('birth_date', 'mm/dd/yyyy', 'birth_date') }} as birth_date,
        {{ clean_date('added_date', 'mm/dd/yyyy') }} as added_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
