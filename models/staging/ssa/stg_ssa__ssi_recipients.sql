with

source as (

    select * from {{ source('ssa', 'ssi_recipients') }}

),

renamed as (

    select
        -- identifiers
        btrim(ssn) as source_record_ssn,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_initial') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_text('street') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        {{ clean_text('recipient_type') }} as recipient_type_code,
        {{ clean_text('payment_status') }} as payment_status_code,
        {{ clean_text('payee_type') }} as payee_type_code,

        -- measures
        {{ clean_integer('federal_amount') }} as federal_usd,
        {{ clean_integer('state_amount') }} as state_usd,

        -- flags
        payment_status = 'C01' as is_paid,
        {{ clean_text('last_name') }} is null as is_restricted,

        -- dates
        {{ clean_date('date_of_birth', 'yyyymmdd', 'birth_date') }} as birth_date,
        {{ clean_date('application_date', 'yyyymmdd') }} as application_date,
        {{ clean_month('payment_month', 'yyyymm') }} as payment_month,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
