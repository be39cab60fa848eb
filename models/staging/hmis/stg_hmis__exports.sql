with

fiscal_2026 as (

    select * from {{ source('hmis', 'export') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        export_id,
        csv_version,
        hash_status,
        export_start_date,
        export_end_date,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        export_id,
        csv_version,
        hash_status,
        export_start_date,
        export_end_date,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2024
    where {{ hmis_speaks('2024') }}

),

renamed as (

    select
        -- identifiers
        btrim(export_id) as source_export_id,

        -- attributes
        {{ clean_text('csv_version') }} as csv_version,
        {{ clean_text('hash_status') }} as hash_status_code,

        -- dates
        {{ clean_date('export_start_date', 'yyyy-mm-dd') }} as export_start_date,
        {{ clean_date('export_end_date', 'yyyy-mm-dd') }} as export_end_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
