with

source as (

    select * from {{ source('hmis', 'services') }}

),

renamed as (

    select
        -- identifiers
        btrim(services_id) as source_service_id,
        btrim(enrollment_id) as source_enrollment_id,
        btrim(personal_id) as source_client_id,

        -- attributes
        {{ clean_text('record_type') }} as record_type_code,

        -- flags
        coalesce(btrim(record_type) = '200', false) as is_bed_night,

        -- dates
        {{ clean_date('date_provided', 'yyyy-mm-dd') }} as service_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where {{ clean_text('date_deleted') }} is null

)

select * from renamed
