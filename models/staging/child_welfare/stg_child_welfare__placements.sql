with

source as (

    select * from {{ source('child_welfare', 'placements') }}

),

codes as (

    select * from {{ ref('ref_protection_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.placement_id) as source_placement_id,
        btrim(source.removal_id) as source_removal_id,
        {{ clean_text('source.foster_home_id') }} as source_foster_home_id,

        -- attributes
        settings.code as placement_setting,

        -- measures
        {{ clean_integer('source.placement_seq') }} as placement_number,

        -- flags
        source.purpose = 'S' as is_respite,
        source.purpose = 'T' or btrim(source.setting) = '8' as is_trial_home_visit,

        -- dates
        {{ clean_date('source.begin_date', 'yyyy-mm-dd') }} as begin_date,
        {{ clean_date('source.end_date', 'yyyy-mm-dd') }} as end_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as settings
        on
            btrim(source.setting) = settings.source_code
            and settings.code_set = 'placement_setting'

)

select * from renamed
