with

source as (

    select * from {{ source('clinic', 'patients') }}

),

renamed as (

    select
        -- identifiers
        btrim(patient_id) as source_patient_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_text('maiden') }} as maiden_name,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text('address') }} as street_address,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case when gender in ('F', 'M') then gender end as sex,
        case
            when ethnicity = 'hispanic' then 'hispanic'
            else nullif({{ clean_text('race') }}, 'other')
        end as race_code,

        -- dates
        {{ clean_date('birthdate', 'yyyy-mm-dd', 'birth_date') }} as birth_date,
        {{ clean_date('deathdate', 'yyyy-mm-dd') }} as death_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
