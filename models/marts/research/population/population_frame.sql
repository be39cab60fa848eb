with

frame_policies as (

    select * from {{ ref('policy_population_frame') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

persons as (

    select * from {{ ref('person') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

spells as (

    select * from {{ ref('spell') }}

),

events as (

    select * from {{ ref('event') }}

),

context as (

    select * from {{ ref('place_context') }}

),

observation_end as (

    select max(coverage_end) as last_covered_day
    from coverage

),

frames as (

    select
        frame_policies.frame,
        frame_policies.min_age_years,
        frame_policies.rule_version,
        coalesce(
            frame_policies.reference_date, observation_end.last_covered_day
        ) as reference_date
    from frame_policies
    cross join observation_end

),

homes as (

    select
        frames.frame,
        residences.person_id,
        residences.place_id,
        residences.is_end_assumed,
        residences.last_evidence_month,
        row_number() over (
            partition by frames.frame, residences.person_id
            order by residences.start_date desc
        ) as place_from_end
    from frames
    inner join residences
        on
            frames.reference_date >= residences.start_date
            and (residences.last_day is null or frames.reference_date <= residences.last_day)

),

institutionalised as (

    select distinct
        frames.frame,
        spells.person_id
    from frames
    inner join spells
        on
            frames.reference_date >= spells.start_date
            and frames.reference_date <= spells.last_observed_day
    where spells.program_id = 'jail'

),

activities as (

    select
        frames.frame,
        spells.person_id,
        case
            when spells.last_observed_day > frames.reference_date then frames.reference_date
            else spells.last_observed_day
        end as activity_date
    from frames
    inner join spells
        on frames.reference_date >= spells.start_date
    union all
    select
        frames.frame,
        events.person_id,
        events.event_date as activity_date
    from frames
    inner join events
        on frames.reference_date >= events.event_date

),

last_activities as (

    select
        frame,
        person_id,
        max(activity_date) as last_activity_date
    from activities
    group by frame, person_id

),

strata as (

    select
        place_id,
        case
            when estimate < 0 or estimate is null then 'vulnerability_unknown'
            when estimate < 0.25 then 'vulnerability_1'
            when estimate < 0.5 then 'vulnerability_2'
            when estimate < 0.75 then 'vulnerability_3'
            else 'vulnerability_4'
        end as stratum
    from context
    where dataset = 'svi' and measure = 'rank_overall'

),

judged as (

    select
        frames.frame,
        frames.reference_date,
        frames.rule_version,
        persons.person_id,
        homes.place_id,
        coalesce(strata.stratum, 'vulnerability_unknown') as stratum,
        last_activities.last_activity_date,
        homes.is_end_assumed,
        homes.last_evidence_month,
        case
            when persons.birth_month is null then 'no_birth_month'
            when persons.birth_month > frames.reference_date then 'not_born'
            when persons.death_date <= frames.reference_date then 'dead'
            when
                {{ months_between('persons.birth_month', 'frames.reference_date') }}
                < 12 * frames.min_age_years
                then 'too_young'
            when homes.place_id is null then 'no_residence_in_county'
            when institutionalised.person_id is not null then 'in_institution'
        end as exclusion_reason
    from frames
    cross join persons
    left join homes
        on
            frames.frame = homes.frame
            and persons.person_id = homes.person_id
            and homes.place_from_end = 1
    left join institutionalised
        on
            frames.frame = institutionalised.frame
            and persons.person_id = institutionalised.person_id
    left join last_activities
        on
            frames.frame = last_activities.frame
            and persons.person_id = last_activities.person_id
    left join strata
        on homes.place_id = strata.place_id

),

population as (

    select
        -- identifiers
        frame,
        person_id,
        place_id,

        -- attributes
        case when exclusion_reason is null then stratum end as stratum,
        exclusion_reason,
        case
            when place_id is null then 'none'
            when
                {{ months_between('last_evidence_month', 'reference_date') }} <= 6
                then 'recent'
            else 'old'
        end as residence_quality,
        rule_version,

        -- flags
        exclusion_reason is null as is_in_frame,

        -- dates
        reference_date,
        last_activity_date
    from judged

)

select * from population
