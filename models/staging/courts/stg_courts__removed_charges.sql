with

source as (

    select * from {{ source('courts', 'charges') }}

),

{{ removed_records('courts', 'charges', ['case_no', 'charge_no']) }},

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
