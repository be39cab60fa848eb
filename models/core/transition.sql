with

rules as (

    select * from {{ ref('policy_transition') }}

),

events as (

    select * from {{ ref('event') }}

),

spells as (

    select * from {{ ref('spell') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

bridge as (

    select * from {{ ref('bridge_spell_source') }}

),

organizations as (

    select * from {{ ref('organization') }}

),

persons as (

    select * from {{ ref('person') }}

),

-- Why a spell ended is what its last source spell says.
ends_ranked as (

    select
        bridge.person_id,
        bridge.spell_id,
        source_spells.end_reason_std_code,
        row_number() over (
            partition by bridge.person_id, bridge.spell_id
            order by
                source_spells.last_day desc, source_spells.start_date desc,
                source_spells.spell_source_id asc
        ) as place_from_end
    from bridge
    inner join source_spells
        on
            bridge.person_id = source_spells.person_id
            and bridge.spell_source_id = source_spells.spell_source_id
    where source_spells.last_day is not null

),

spell_ends as (

    select
        spells.spell_id,
        spells.person_id,
        spells.program_id,
        spells.is_end_assumed,
        spells.last_day,
        ends_ranked.end_reason_std_code
    from spells
    left join ends_ranked
        on
            spells.person_id = ends_ranked.person_id
            and spells.spell_id = ends_ranked.spell_id
            and ends_ranked.place_from_end = 1
    where spells.last_day is not null and not spells.is_ended_by_death

),

by_event as (

    select
        rules.rule,
        events.person_id,
        events.organization_id,
        cast(null as {{ dbt.type_string() }}) as from_organization_id,
        cast(null as {{ dbt.type_string() }}) as from_evidence_id,
        events.event_id as to_evidence_id,
        events.date_precision,
        false as is_date_assumed,
        events.event_date as transition_date
    from rules
    inner join events
        on rules.event_type = events.event_type
    where rules.basis = 'event'

),

-- A spell that begins where the files begin may have begun before: it is no entry.
by_entry as (

    select
        rules.rule,
        spells.person_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        cast(null as {{ dbt.type_string() }}) as from_organization_id,
        cast(null as {{ dbt.type_string() }}) as from_evidence_id,
        spells.spell_id as to_evidence_id,
        'day' as date_precision,
        false as is_date_assumed,
        spells.start_date as transition_date
    from rules
    inner join spells
        on rules.program_id = spells.program_id
    where
        not spells.is_left_censored
        and (
            rules.basis = 'entry'
            or (rules.basis = 'return' and spells.prior_gap_days <= rules.within_days)
        )

),

by_exit as (

    select
        rules.rule,
        spell_ends.person_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        cast(null as {{ dbt.type_string() }}) as from_organization_id,
        spell_ends.spell_id as from_evidence_id,
        cast(null as {{ dbt.type_string() }}) as to_evidence_id,
        'day' as date_precision,
        spell_ends.is_end_assumed as is_date_assumed,
        spell_ends.last_day as transition_date
    from rules
    inner join spell_ends
        on rules.program_id = spell_ends.program_id
    where
        rules.basis = 'exit'
        and (
            rules.end_reason_std_code is null
            or rules.end_reason_std_code = spell_ends.end_reason_std_code
        )

),

consecutive as (

    select
        person_id,
        program_id,
        spell_source_id,
        organization_id,
        start_date,
        lag(spell_source_id) over (
            partition by person_id, program_id order by start_date, last_day, spell_source_id
        ) as previous_spell_source_id,
        lag(organization_id) over (
            partition by person_id, program_id order by start_date, last_day, spell_source_id
        ) as previous_organization_id,
        lag(last_day) over (
            partition by person_id, program_id order by start_date, last_day, spell_source_id
        ) as previous_last_day
    from source_spells
    where organization_id is not null

),

by_organization_change as (

    select
        rules.rule,
        consecutive.person_id,
        consecutive.organization_id,
        consecutive.previous_organization_id as from_organization_id,
        consecutive.previous_spell_source_id as from_evidence_id,
        consecutive.spell_source_id as to_evidence_id,
        'day' as date_precision,
        false as is_date_assumed,
        consecutive.start_date as transition_date
    from rules
    inner join consecutive
        on rules.program_id = consecutive.program_id
    where
        rules.basis = 'organization_change'
        and consecutive.organization_id <> consecutive.previous_organization_id
        and (
            consecutive.previous_last_day is null
            or {{ days_between('consecutive.previous_last_day', 'consecutive.start_date') }}
            <= rules.within_days
        )

),

unioned as (

    select * from by_event
    union all
    select * from by_entry
    union all
    select * from by_exit
    union all
    select * from by_organization_change

),

ranked as (

    select
        unioned.*,
        row_number() over (
            partition by unioned.person_id, unioned.rule
            order by
                unioned.transition_date, unioned.to_evidence_id, unioned.from_evidence_id
        ) as place_by_date
    from unioned

),

transitions as (

    select
        -- identifiers
        {{ surrogate_key([
            'ranked.rule', 'ranked.person_id', 'ranked.from_evidence_id', 'ranked.to_evidence_id'
        ]) }} as transition_id,
        ranked.person_id,
        rules.program_id,
        ranked.organization_id,
        ranked.from_organization_id,
        ranked.from_evidence_id,
        ranked.to_evidence_id,

        -- attributes
        rules.transition_type,
        rules.from_state,
        rules.to_state,
        ranked.date_precision,
        case when ranked.is_date_assumed then 'assumed' else 'observed' end as certainty,
        rules.rule_version,

        -- measures
        cast(ranked.place_by_date as integer) as transition_number,
        {{ months_between('persons.birth_month', 'ranked.transition_date') }} as age_months,

        -- flags
        organizations.organization_subtype <> from_organizations.organization_subtype
            as is_structural,

        -- dates
        ranked.transition_date
    from ranked
    inner join rules
        on ranked.rule = rules.rule
    inner join persons
        on ranked.person_id = persons.person_id
    left join organizations
        on ranked.organization_id = organizations.organization_id
    left join organizations as from_organizations
        on ranked.from_organization_id = from_organizations.organization_id
    where ranked.place_by_date = 1 or not rules.is_first_only

)

select * from transitions
