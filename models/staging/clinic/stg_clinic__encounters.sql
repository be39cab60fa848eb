with

source as (

    select * from {{ source('clinic', 'encounters') }}

),

renamed as (

    select
        -- identifiers
        btrim(encounter_id) as source_encounter_id,
        btrim(patient_id) as source_patient_id,
        {{ clean_text('organization') }} as source_site_id,

        -- attributes
        {{ clean_text('encounter_class') }} as encounter_class,
        {{ clean_text('code') }} as snomed_code,

        -- measures
        {{ clean_decimal('total_claim_cost') }} as charged_usd,

        -- flags
        encounter_class = 'masked' as is_masked,

        -- dates
        {{ clean_instant_utc('start_at') }} as started_at,
        {{ clean_instant_utc('stop_at') }} as stopped_at,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
