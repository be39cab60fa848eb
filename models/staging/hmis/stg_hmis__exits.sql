with

fiscal_2026 as (

    select * from {{ source('hmis', 'exit') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'exit') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        exit_id,
        enrollment_id,
        destination,
        exit_date,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        exit_id,
        enrollment_id,
        destination,
        exit_date,
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
        btrim(exit_id) as source_exit_id,
        btrim(enrollment_id) as source_enrollment_id,

        -- attributes
        {{ clean_integer('destination') }} as destination_code,

        -- dates
        {{ clean_date('exit_date', 'yyyy-mm-dd') }} as exit_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where {{ clean_text('date_deleted') }} is null

)

select * from renamed
