with

charges_delivered as (

    select * from {{ ref('stg_courts__charges') }}

),

dispositions as (

    select * from {{ ref('ref_court_disposition') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

charges as (

    select
        -- identifiers
        {{ surrogate_key(['charges_delivered.source_case_id', 'charges_delivered.charge_number']) }}
            as court_charge_id,
        {{ surrogate_key(["'courts'", 'charges_delivered.source_case_id']) }} as court_case_id,
        crosswalk.person_id,

        -- attributes
        charges_delivered.statute_class_code,
        dispositions.disposition_std_code,
        charges_delivered.sentence_type_code,

        -- measures
        charges_delivered.charge_number,
        charges_delivered.sentence_days,

        -- flags
        dispositions.is_conviction,
        charges_delivered.disposition_date is null as is_pending,

        -- dates
        charges_delivered.filed_date,
        charges_delivered.disposition_date
    from charges_delivered
    inner join crosswalk
        on
            charges_delivered.source_case_id = crosswalk.source_person_key
            and crosswalk.source_system = 'court_case'
    left join dispositions
        on charges_delivered.disposition_code = dispositions.disposition_code

)

select * from charges
