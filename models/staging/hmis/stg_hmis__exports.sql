with

source as (

    select * from {{ source('hmis', 'export') }}

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
