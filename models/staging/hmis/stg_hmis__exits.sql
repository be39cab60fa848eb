with

source as (

    select * from {{ source('hmis', 'exit') }}

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
