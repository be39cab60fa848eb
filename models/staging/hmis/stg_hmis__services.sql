with

fiscal_2026 as (

    select * from {{ source('hmis', 'services') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'services') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        services_id,
        enrollment_id,
        personal_id,
        record_type,
        date_provided,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        services_id,
        enrollment_id,
        personal_id,
        record_type,
        date_provided,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2024
    where {{ hmis_speaks('2024') }}

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
