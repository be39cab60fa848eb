with

source as (

    select * from {{ source('early_intervention', 'services') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.service_id) as source_service_id,
        btrim(source.referral_id) as source_referral_id,

        -- attributes
        services.code as service,
        statuses.code as appointment_status,

        -- measures
        {{ clean_integer('source.minutes') }} as minutes,

        -- flags
        source.setting = 'HOME' as is_at_home,

        -- dates
        {{ clean_date('source.service_date', 'mm/dd/yyyy') }} as service_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as services
        on btrim(source.service) = services.source_code and services.code_set = 'part_c_service'
    left join codes as statuses
        on btrim(source.status) = statuses.source_code and statuses.code_set = 'appointment_status'

)

select * from renamed
