with

source as (

    select * from {{ source('police', 'arrests') }}

),

{{ removed_records('police', 'arrests', ['arrest_transaction_no']) }},

renamed as (

    select
        -- identifiers
        source_record_key,

        -- delivery
        last_load_id,
        last_delivery,
        removed_by_load_id,
        removed_delivery
    from removed

)

select * from renamed
