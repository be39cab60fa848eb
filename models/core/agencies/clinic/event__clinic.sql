with

encounters as (

    select * from {{ ref('stg_clinic__encounters') }}

),

immunizations as (

    select * from {{ ref('stg_clinic__immunizations') }}

),

observations as (

    select * from {{ ref('stg_clinic__observations') }}

),

-- 42 CFR part 2: what was masked stays out, visit and patient.
care_events as (

    select
        source_patient_id as source_person_key,
        source_encounter_id as source_record_key,
        'health_encounter' as event_type,
        encounter_class as value_code,
        cast(null as {{ dbt.type_string() }}) as value_unit,
        cast(null as numeric(14, 4)) as value_number,
        cast(started_at as date) as event_date
    from encounters
    where not is_masked and started_at is not null
    union all
    select
        source_patient_id as source_person_key,
        {{ dbt.concat(['source_encounter_id', "'|'", 'cvx_code']) }} as source_record_key,
        'immunization' as event_type,
        cvx_code as value_code,
        cast(null as {{ dbt.type_string() }}) as value_unit,
        cast(null as numeric(14, 4)) as value_number,
        cast(given_at as date) as event_date
    from immunizations
    where given_at is not null
    union all
    -- below the limit of detection the half of it stands, as staging says
    select
        source_patient_id as source_person_key,
        {{ dbt.concat(['source_encounter_id', "'|'", 'loinc_code']) }} as source_record_key,
        'lead_test' as event_type,
        case when is_below_detection then 'below_detection' else 'measured' end as value_code,
        unit_of_measure as value_unit,
        value_num as value_number,
        cast(observed_at as date) as event_date
    from observations
    where observed_at is not null and loinc_code in ('10368-9', '5671-3', '77307-7')

),

event_rows as (

    {{ event_rows(
        'care_events', 'clinic', has=['value_code', 'value_unit', 'value_number']
    ) }}

)

select * from event_rows
