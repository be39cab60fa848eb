with

source as (

    select * from {{ source('child_welfare', 'id_links') }}

),

renamed as (

    select
        -- identifiers
        {{ clean_integer('subyr') }} as submission_year,
        btrim(client_id) as source_client_id,
        {{ clean_text('chid') }} as source_report_child_id,
        {{ clean_text('recnumbr') }} as source_foster_child_id,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
