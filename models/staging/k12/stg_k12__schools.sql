with

source as (

    select * from {{ source('k12', 'schools') }}

),

renamed as (

    select
        -- identifiers
        btrim(school_id) as source_school_id,
        {{ clean_text('district_id') }} as source_district_id,

        -- attributes
        {{ clean_text('school_name') }} as school_name,
        {{ clean_text('district_name') }} as district_name,
        {{ clean_text('level') }} as school_level_code,
        {{ clean_text('street') }} as street_address,
        {{ clean_zip('zip') }} as zip,

        -- dates
        {{ clean_date('open_date', 'yyyy-mm-dd') }} as open_date,
        {{ clean_date('close_date', 'yyyy-mm-dd') }} as close_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
