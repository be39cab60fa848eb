with

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

identity_records as (

    select * from {{ ref('identity_record') }}

),

race_ethnicity_reported as (

    select * from {{ ref('int_identity__race_ethnicity_reported') }}

),

deaths as (

    select * from {{ ref('stg_vital__deaths') }}

),

priorities as (

    select * from {{ ref('policy_survivorship') }}

),

source_systems as (

    select * from {{ ref('ref_source_system') }}

),

keys_by_source as (

    select
        person_id,
        source_system,
        count(*) as n_keys
    from crosswalk
    group by person_id, source_system

),

persons as (

    select
        keys_by_source.person_id,
        cast(sum(
            case when source_systems.key_is = 'event' then 1 else keys_by_source.n_keys end
        ) as integer) as n_source_persons
    from keys_by_source
    inner join source_systems
        on keys_by_source.source_system = source_systems.source_system
    group by keys_by_source.person_id

),

evidence as (

    select
        crosswalk.person_id,
        identity_records.source_system,
        identity_records.birth_date,
        identity_records.birth_date_precision,
        identity_records.sex,
        identity_records.is_linkable,
        identity_records.agency
    from crosswalk
    inner join identity_records
        on
            crosswalk.source_system = identity_records.source_system
            and crosswalk.source_person_key = identity_records.source_person_key

),

agencies as (

    select
        person_id,
        cast(count(distinct agency) as integer) as n_agencies,
        bool_or(is_linkable) as is_linkable
    from evidence
    group by person_id

),

-- A whole date beats a part of one; then the source's rank; then the value most records give;
-- then the earliest, so that the answer never depends on the order of rows.
birth_dates_counted as (

    select
        evidence.person_id,
        evidence.birth_date,
        evidence.birth_date_precision,
        evidence.source_system,
        priorities.priority,
        count(*) as n_records
    from evidence
    inner join priorities
        on
            evidence.source_system = priorities.source_system
            and priorities.attribute = 'birth_date'
    where evidence.birth_date is not null
    group by
        evidence.person_id, evidence.birth_date, evidence.birth_date_precision,
        evidence.source_system, priorities.priority

),

birth_dates as (

    select distinct on (person_id)
        person_id,
        birth_date,
        birth_date_precision,
        source_system as birth_date_source
    from birth_dates_counted
    order by
        person_id asc,
        case birth_date_precision when 'day' then 1 when 'month' then 2 else 3 end asc,
        priority asc,
        n_records desc,
        birth_date asc

),

sexes_counted as (

    select
        evidence.person_id,
        evidence.sex,
        evidence.source_system,
        priorities.priority,
        count(*) as n_records
    from evidence
    inner join priorities
        on
            evidence.source_system = priorities.source_system
            and priorities.attribute = 'sex'
    where evidence.sex is not null
    group by evidence.person_id, evidence.sex, evidence.source_system, priorities.priority

),

sexes as (

    select distinct on (person_id)
        person_id,
        sex,
        source_system as sex_source
    from sexes_counted
    order by person_id asc, priority asc, n_records desc, sex asc

),

race_ethnicities_counted as (

    select
        crosswalk.person_id,
        race_ethnicity_reported.race_ethnicity,
        race_ethnicity_reported.source_system,
        priorities.priority,
        count(*) as n_records
    from race_ethnicity_reported
    inner join crosswalk
        on
            race_ethnicity_reported.source_system = crosswalk.source_system
            and race_ethnicity_reported.source_person_key = crosswalk.source_person_key
    inner join priorities
        on
            race_ethnicity_reported.source_system = priorities.source_system
            and priorities.attribute = 'race_ethnicity'
    group by
        crosswalk.person_id, race_ethnicity_reported.race_ethnicity,
        race_ethnicity_reported.source_system, priorities.priority

),

race_ethnicities as (

    select distinct on (person_id)
        person_id,
        race_ethnicity,
        source_system as race_ethnicity_source
    from race_ethnicities_counted
    order by person_id asc, priority asc, n_records desc, race_ethnicity asc

),

death_dates as (

    select distinct on (crosswalk.person_id)
        crosswalk.person_id,
        deaths.death_date,
        deaths.death_date_precision
    from deaths
    inner join crosswalk
        on
            deaths.source_death_id = crosswalk.source_person_key
            and crosswalk.source_system = 'vital_death'
    where deaths.death_date is not null
    order by crosswalk.person_id asc, deaths.death_date desc

),

demographics as (

    select
        -- identifiers
        persons.person_id,

        -- attributes
        birth_dates.birth_date_precision,
        birth_dates.birth_date_source,
        sexes.sex,
        sexes.sex_source,
        race_ethnicities.race_ethnicity,
        race_ethnicities.race_ethnicity_source,
        death_dates.death_date_precision,

        -- measures
        persons.n_source_persons,
        coalesce(agencies.n_agencies, 0) as n_agencies,

        -- flags
        coalesce(agencies.is_linkable, false) as is_linkable,

        -- dates
        birth_dates.birth_date,
        death_dates.death_date
    from persons
    left join agencies
        on persons.person_id = agencies.person_id
    left join birth_dates
        on persons.person_id = birth_dates.person_id
    left join sexes
        on persons.person_id = sexes.person_id
    left join race_ethnicities
        on persons.person_id = race_ethnicities.person_id
    left join death_dates
        on persons.person_id = death_dates.person_id

)

select * from demographics
