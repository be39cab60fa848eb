{%- set agencies = [
    'adult_protection',
    'child_welfare',
    'clinic',
    'courts',
    'early_intervention',
    'food_bank',
    'helpline',
    'k12',
    'police',
    'utility',
    'vital',
] -%}
with

source_spells as (

    select * from {{ ref('spell_source') }}

),

programs as (

    select * from {{ ref('program') }}

),

persons as (

    select * from {{ ref('person') }}

),

event_types as (

    select * from {{ ref('ref_event_type') }}

),

{% for agency in agencies -%}
{{ agency }} as (

    select * from {{ ref('event__' ~ agency) }}

),

{% endfor -%}
deaths as (

    select
        person_id,
        cast(null as {{ dbt.type_string() }}) as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        'vital' as source_system,
        'death' as event_type,
        'death' as source_record_key,
        death_date_precision as date_precision,
        death_date as event_date
    from persons
    where death_date is not null

),

entries as (

    select
        source_spells.person_id,
        source_spells.program_id,
        source_spells.organization_id,
        source_spells.source_system,
        programs.entry_event_type as event_type,
        source_spells.spell_source_id as source_record_key,
        'day' as date_precision,
        source_spells.start_date as event_date
    from source_spells
    inner join programs
        on source_spells.program_id = programs.program_id
    where programs.entry_event_type is not null

),

exits as (

    select
        source_spells.person_id,
        source_spells.program_id,
        source_spells.organization_id,
        source_spells.source_system,
        programs.exit_event_type as event_type,
        source_spells.spell_source_id as source_record_key,
        'day' as date_precision,
        source_spells.last_day as event_date
    from source_spells
    inner join programs
        on source_spells.program_id = programs.program_id
    where programs.exit_event_type is not null and source_spells.last_day is not null

),

first_observed as (

    select
        person_id,
        cast(null as {{ dbt.type_string() }}) as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        'lifecourse' as source_system,
        'first_observed' as event_type,
        'first' as source_record_key,
        'day' as date_precision,
        min(start_date) as event_date
    from source_spells
    group by person_id

),

derived as (

    select * from deaths
    union all
    select * from entries
    union all
    select * from exits
    union all
    select * from first_observed

),

unioned as (

    {% for agency in agencies -%}
    select * from {{ agency }}
    union all
    {% endfor -%}
    select
        {{ surrogate_key(['event_type', 'source_system', 'person_id', 'source_record_key']) }}
            as event_id,
        person_id,
        program_id,
        organization_id,
        source_system,
        event_type,
        date_precision,
        cast(null as {{ dbt.type_string() }}) as value_code,
        cast(null as {{ dbt.type_string() }}) as value_unit,
        cast(null as numeric(14, 4)) as value_number,
        event_date
    from derived

),

events as (

    select
        -- identifiers
        unioned.event_id,
        unioned.person_id,
        unioned.program_id,
        unioned.organization_id,
        unioned.source_system,

        -- attributes
        event_types.domain,
        unioned.event_type,
        unioned.date_precision,
        unioned.value_code,
        unioned.value_unit,

        -- measures
        {{ months_between('persons.birth_month', 'unioned.event_date') }} as age_months,
        unioned.value_number,

        -- dates
        unioned.event_date
    from unioned
    inner join persons
        on unioned.person_id = persons.person_id
    -- a type that nobody has defined breaks the contract: its domain is null
    left join event_types
        on unioned.event_type = event_types.event_type

)

select * from events
