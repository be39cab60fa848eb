with

persons as (

    select * from {{ ref('person') }}

),

relationships as (

    select * from {{ ref('person_relationship') }}

),

rules as (

    select * from {{ ref('policy_adversity_indicator') }}

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

data_end as (

    select max(coverage_end) as data_as_of
    from coverage

),

-- Children on the day the data end. Childhood so far is from the month of birth to that day.
children as (

    select
        persons.person_id,
        persons.birth_month,
        data_end.data_as_of as last_childhood_day
    from persons
    cross join data_end
    where
        persons.birth_month <= data_end.data_as_of
        and {{ add_months('persons.birth_month', 216) }} > data_end.data_as_of
        and persons.death_date is null

),

-- Whose life is read, and from when to when it touches the child's.
links as (

    select
        person_id,
        person_id as exposing_person_id,
        'self' as exposed_via,
        birth_month as start_date,
        cast(null as date) as last_day
    from children
    union all
    select
        relationships.person_id,
        relationships.related_person_id as exposing_person_id,
        relationships.relationship_type as exposed_via,
        relationships.start_date,
        relationships.last_day
    from relationships
    inner join children
        on relationships.person_id = children.person_id
    where relationships.relationship_type in ('mother', 'father')

),

asked as (

    select
        children.person_id,
        children.birth_month,
        children.last_childhood_day,
        rules.indicator,
        rules.kind,
        rules.evidence,
        rules.program_id,
        rules.event_type,
        rules.exposed_via,
        rules.rule_version,
        rules.coverage_subject
    from children
    cross join rules

),

found_spells as (

    select
        asked.person_id,
        asked.indicator,
        {{ later_of(
            'spells.start_date', later_of('asked.birth_month', 'links.start_date')
        ) }} as exposed_date
    from asked
    inner join links
        on asked.person_id = links.person_id and asked.exposed_via = links.exposed_via
    inner join spells
        on
            links.exposing_person_id = spells.person_id
            and asked.program_id = spells.program_id
    where
        asked.evidence = 'spell'
        and spells.last_observed_day >= links.start_date
        and spells.last_observed_day >= asked.birth_month
        and (links.last_day is null or spells.start_date <= links.last_day)
        and spells.start_date <= asked.last_childhood_day

),

-- The link to a parent ends with the parent's death, so the day of death is inside it.
found_events as (

    select
        asked.person_id,
        asked.indicator,
        events.event_date as exposed_date
    from asked
    inner join links
        on asked.person_id = links.person_id and asked.exposed_via = links.exposed_via
    inner join events
        on
            links.exposing_person_id = events.person_id
            and asked.event_type = events.event_type
    where
        asked.evidence = 'event'
        and events.event_date >= links.start_date
        and events.event_date >= asked.birth_month
        and (links.last_day is null or events.event_date <= links.last_day)
        and events.event_date <= asked.last_childhood_day

),

found as (

    select * from found_spells
    union all
    select * from found_events

),

first_found as (

    select
        person_id,
        indicator,
        count(*) as n_exposures,
        min(exposed_date) as first_date
    from found
    group by person_id, indicator

),

linked as (

    select distinct
        person_id,
        exposed_via
    from links

),

indicators as (

    select
        -- identifiers
        asked.person_id,
        asked.indicator,

        -- attributes
        asked.kind,
        asked.exposed_via,
        asked.coverage_subject,
        asked.rule_version,

        -- measures
        cast(coalesce(first_found.n_exposures, 0) as integer) as n_exposures,
        {{ months_between('asked.birth_month', 'first_found.first_date') }} as first_age_months,
        {{ months_between('asked.birth_month', 'asked.last_childhood_day') }}
            as childhood_months,
        cast(coalesce(case
            when linked.person_id is not null
                then {{ months_between(
                    later_of('asked.birth_month', 'coverage_spells.coverage_start'),
                    'coverage_spells.coverage_end'
                ) }}
        end, 0) as integer) as observed_months,

        -- flags
        coalesce(
            linked.person_id is not null and coverage_spells.coverage_end >= asked.birth_month,
            false
        ) as is_observable,
        case
            when first_found.n_exposures > 0 then true
            when
                linked.person_id is not null
                and coverage_spells.coverage_start <= asked.birth_month
                and coverage_spells.coverage_end >= asked.birth_month
                then false
        end as is_exposed,

        -- dates
        first_found.first_date,
        coverage_spells.coverage_start as observed_from,
        coverage_spells.coverage_end as observed_until
    from asked
    left join linked
        on asked.person_id = linked.person_id and asked.exposed_via = linked.exposed_via
    left join coverage_spells
        on asked.coverage_subject = coverage_spells.subject
    left join first_found
        on asked.person_id = first_found.person_id and asked.indicator = first_found.indicator

)

select * from indicators
