with

births as (

    select * from {{ ref('stg_vital__births') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

-- A certificate that was replaced and one that was not may both be of one child: the latest speaks.
ranked as (

    select
        crosswalk.person_id,
        births.mother_education_code,
        births.payer_code,
        births.plurality,
        births.gestation_weeks,
        births.birth_weight_grams,
        births.prenatal_visits,
        births.has_wic_during_pregnancy,
        {{ months_between('births.mother_birth_date', 'births.birth_date') }} as mother_age_months,
        {{ first_of_month('births.birth_date') }} as birth_month,
        row_number() over (
            partition by crosswalk.person_id
            order by births.registered_date desc, births.source_birth_id desc
        ) as place_from_end
    from births
    inner join crosswalk
        on
            births.source_birth_id = crosswalk.source_person_key
            and crosswalk.source_system = 'vital_child'
    where births.birth_date is not null

),

details as (

    select
        -- identifiers
        person_id,

        -- attributes
        mother_education_code,
        payer_code,

        -- measures
        cast(plurality as integer) as plurality,
        cast(gestation_weeks as integer) as gestation_weeks,
        cast(birth_weight_grams as integer) as birth_weight_grams,
        cast(prenatal_visits as integer) as prenatal_visits,
        cast(floor(mother_age_months / 12.0) as integer) as mother_age_years,

        -- flags
        has_wic_during_pregnancy,

        -- dates
        birth_month
    from ranked
    where place_from_end = 1

)

select * from details
