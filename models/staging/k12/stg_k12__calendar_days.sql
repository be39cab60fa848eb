with

source as (

    select * from {{ source('k12', 'calendar') }}

),

renamed as (

    select
        -- identifiers
        btrim(district_id) as source_district_id,

        -- measures
        {{ clean_integer('school_year') }} as school_year,

        -- dates
        {{ clean_date('session_date', 'yyyy-mm-dd') }} as session_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
