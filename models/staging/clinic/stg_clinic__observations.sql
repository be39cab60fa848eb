with

source as (

    select * from {{ source('clinic', 'observations') }}

),

renamed as (

    select
        -- identifiers
        btrim(encounter_id) as source_encounter_id,
        btrim(patient_id) as source_patient_id,

        -- attributes
        btrim(loinc_code) as loinc_code,
        {{ clean_text('units') }} as unit_of_measure,

        -- measures
        case
            when value like '<%' then {{ clean_decimal("replace(value, '<', '')") }} * 0.5
            else {{ clean_decimal('value') }}
        end as value_num,

        -- flags
        value like '<%' as is_below_detection,

        -- dates
        {{ clean_instant_utc('observed_at') }} as observed_at,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
