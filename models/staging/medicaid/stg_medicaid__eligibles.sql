with

source as (

    select * from {{ source('medicaid', 'eligibles') }}

),

renamed as (

    select
        -- identifiers
        btrim(msis_id) as source_msis_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_initial') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text('street') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        case when ethnicity = '5' then 'H' else nullif({{ clean_text('race') }}, '017') end
            as race_code,

        -- dates
        {{ clean_date('date_of_birth', 'yyyymmdd', 'birth_date') }} as birth_date,
        {{ clean_date('date_of_death', 'yyyymmdd') }} as death_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
