with

source as (

    select * from {{ source('vacancy', 'capacity') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        source._load_id as load_id,
        source._row_number as line_number,
        btrim(source.message_id) as message_id,
        btrim(source.provider_id) as source_provider_id,

        -- attributes
        codes.code as age_group,

        -- measures
        {{ clean_integer('source.capacity') }} as capacity,
        {{ clean_integer('source.enrolled') }} as enrolled,
        {{ clean_integer('source.vacancies') }} as vacancies,

        -- dates
        {{ clean_timestamp('source.as_of_ts') }} as as_of_at,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes
        on btrim(source.age_group) = codes.source_code and codes.code_set = 'age_group'

)

select * from renamed
