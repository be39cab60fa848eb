with

births as (

    select * from {{ ref('birth_detail') }}

),

rules as (

    select * from {{ ref('policy_early_risk') }}

),

spells as (

    select * from {{ ref('spell') }}

),

events as (

    select * from {{ ref('event') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

coverage_spells as (

    select
        coalesce(program_id, subject) as subject,
        min(coverage_start) as coverage_start,
        max(coverage_end) as coverage_end
    from coverage
    group by coalesce(program_id, subject)

),

asked as (

    select
        births.*,
        rules.risk,
        rules.limit_value,
        rules.rule_version,
        {{ add_months('births.birth_month', 60) }} as fifth_birthday_month,
        rules.evidence_subject,
        rules.coverage_subject
    from births
    cross join rules

),

found_later as (

    select
        asked.person_id,
        asked.risk,
        {{ later_of('spells.start_date', 'asked.birth_month') }} as found_date
    from asked
    inner join spells
        on asked.person_id = spells.person_id and asked.evidence_subject = spells.program_id
    where
        spells.last_observed_day >= asked.birth_month
        and spells.start_date < asked.fifth_birthday_month
    union all
    select
        asked.person_id,
        asked.risk,
        events.event_date as found_date
    from asked
    inner join events
        on asked.person_id = events.person_id and asked.evidence_subject = events.event_type
    where
        asked.evidence_subject <> 'birth'
        and events.event_date >= asked.birth_month
        and events.event_date < asked.fifth_birthday_month
        and (asked.risk <> 'lead' or events.value_number >= asked.limit_value)

),

first_found as (

    select
        person_id,
        risk,
        min(found_date) as first_date
    from found_later
    group by person_id, risk

),

-- A child without a lead test has no result, whatever the clinic covered.
tested as (

    select distinct asked.person_id
    from asked
    inner join events
        on asked.person_id = events.person_id and events.event_type = 'lead_test'
    where
        events.event_date >= asked.birth_month
        and events.event_date < asked.fifth_birthday_month

),

judged as (

    select
        asked.person_id,
        asked.risk,
        asked.evidence_subject,
        asked.rule_version,
        asked.birth_month,
        case
            when asked.evidence_subject = 'birth' then asked.birth_month
            else first_found.first_date
        end as evidence_date,
        case
            when asked.risk = 'low_birth_weight_or_preterm'
                then
                    case
                        when asked.birth_weight_grams < asked.limit_value then true
                        when asked.gestation_weeks < 37 then true
                        when asked.birth_weight_grams is null then null
                        when asked.gestation_weeks is null then null
                        else false
                    end
            when asked.risk = 'inadequate_prenatal_care'
                then asked.prenatal_visits < asked.limit_value
            when asked.risk = 'teen_mother'
                then asked.mother_age_years < asked.limit_value
            when asked.risk = 'low_maternal_education'
                then cast(asked.mother_education_code as integer) < asked.limit_value
            when first_found.first_date is not null then true
            when asked.risk = 'lead' and tested.person_id is null then null
            when
                coverage_spells.coverage_start <= asked.birth_month
                and coverage_spells.coverage_end >= asked.birth_month
                then false
        end as has_risk
    from asked
    left join first_found
        on asked.person_id = first_found.person_id and asked.risk = first_found.risk
    left join tested
        on asked.person_id = tested.person_id
    left join coverage_spells
        on asked.coverage_subject = coverage_spells.subject

),

risks as (

    select
        -- identifiers
        person_id,
        risk,

        -- attributes
        evidence_subject,
        rule_version,

        -- measures
        case
            when has_risk then {{ months_between('birth_month', 'evidence_date') }}
        end as first_age_months,

        -- flags
        has_risk,
        has_risk is not null as is_observed,

        -- dates
        birth_month,
        case when has_risk then evidence_date end as first_date
    from judged

)

select * from risks
