with

source as (

    select * from {{ source('reentry', 'enrollments') }}

),

renamed as (

    select
        -- identifiers
        participant_no as source_participant_id,
        encoding,

        -- dates
        {{ clean_date('enrolled_on', 'yyyy-mm-dd') }} as enrolled_on,
        {{ clean_date('exited_on', 'yyyy-mm-dd') }} as exited_on,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
