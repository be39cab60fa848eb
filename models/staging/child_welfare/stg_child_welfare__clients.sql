with

source as (

    select * from {{ source('child_welfare', 'clients') }}

),

renamed as (

    select
        -- identifiers
        btrim(client_id) as source_client_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text('street_address') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case role when 'C' then 'child' when 'P' then 'caregiver' end as role,
        case sex when '1' then 'M' when '2' then 'F' end as sex,
        nullif({{ clean_text('race') }}, '9') as race_code,

        -- dates
        {{ clean_date('birth_date', 'mm/dd/yyyy', 'birth_date') }} as birth_date,
        {{ clean_date('last_contact_date', 'yyyy-mm-dd') }} as last_contact_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
