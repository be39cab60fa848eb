with

demographics as (

    select * from {{ ref('person_demographic') }}

),

relationships as (

    select * from {{ ref('person_relationship') }}

),

mothers as (

    select
        person_id,
        min(related_person_id) as mother_person_id
    from relationships
    where relationship_type = 'mother'
    group by person_id

),

persons as (

    select
        -- identifiers
        demographics.person_id,
        mothers.mother_person_id,

        -- attributes
        demographics.sex,
        demographics.sex_source,
        demographics.race_ethnicity,
        demographics.race_ethnicity_source,
        demographics.birth_date_precision,
        demographics.birth_date_source,
        demographics.death_date_precision,

        -- measures
        demographics.n_source_persons,
        demographics.n_agencies,

        -- flags
        demographics.is_linkable,
        demographics.death_date is not null as is_deceased,

        -- dates
        {{ first_of_month('demographics.birth_date') }} as birth_month,
        demographics.death_date
    from demographics
    left join mothers
        on demographics.person_id = mothers.person_id

)

select * from persons
