with

source as (

    select * from {{ source('clinic', 'immunizations') }}

),

renamed as (

    select
        -- identifiers
        btrim(encounter_id) as source_encounter_id,
        btrim(patient_id) as source_patient_id,

        -- attributes
        btrim(cvx_code) as cvx_code,
        {{ clean_text('description') }} as vaccine_name,

        -- dates
        {{ clean_instant_utc('given_at') }} as given_at,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
