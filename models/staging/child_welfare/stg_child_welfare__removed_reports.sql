with

source as (

    select * from {{ source('child_welfare', 'child_file') }}

),

{{ removed_records('child_welfare', 'child_file', ['subyr', 'rptid', 'chid']) }},

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
