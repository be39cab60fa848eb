with

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

births as (

    select * from {{ ref('stg_vital__births') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

persons as (

    select * from {{ ref('person') }}

),

-- The day of a birth stays in identity: core knows its month.
certificate_events as (

    select
        crosswalk.person_id,
        case
            when crosswalk.source_system = 'vital_child' then 'birth' else 'parenthood'
        end as event_type,
        'vital' as source_system,
        cast(null as {{ dbt.type_string() }}) as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        births.source_birth_id as source_record_key,
        {{ first_of_month('births.birth_date') }} as event_date,
        case
            when births.birth_date_precision = 'day' then 'month'
            else births.birth_date_precision
        end as date_precision
    from births
    inner join crosswalk
        on
            births.source_birth_id = crosswalk.source_person_key
            and crosswalk.source_system in ('vital_child', 'vital_mother', 'vital_father')
    where births.birth_date is not null

),

deaths as (

    select
        person_id,
        'death' as event_type,
        'vital' as source_system,
        cast(null as {{ dbt.type_string() }}) as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        'death' as source_record_key,
        death_date as event_date,
        death_date_precision as date_precision
    from persons
    where death_date is not null

),

entries as (

    select
        person_id,
        case program_id
            when 'k12_enrollment' then 'school_entry'
            when 'jail' then 'jail_booking'
            else 'homeless_program_entry'
        end as event_type,
        source_system,
        program_id,
        organization_id,
        spell_source_id as source_record_key,
        start_date as event_date,
        'day' as date_precision
    from source_spells
    where source_system in ('k12', 'jail', 'hmis')

),

exits as (

    select
        person_id,
        case program_id
            when 'k12_enrollment' then 'school_exit'
            when 'jail' then 'jail_release'
            else 'homeless_program_exit'
        end as event_type,
        source_system,
        program_id,
        organization_id,
        spell_source_id as source_record_key,
        last_day as event_date,
        'day' as date_precision
    from source_spells
    where source_system in ('k12', 'jail', 'hmis') and last_day is not null

),

first_days as (

    select
        person_id,
        min(start_date) as event_date
    from source_spells
    group by person_id

),

first_observed as (

    select
        person_id,
        'first_observed' as event_type,
        'lifecourse' as source_system,
        cast(null as {{ dbt.type_string() }}) as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        'first' as source_record_key,
        event_date,
        'day' as date_precision
    from first_days

),

unioned as (

    select * from certificate_events
    union all
    select * from deaths
    union all
    select * from entries
    union all
    select * from exits
    union all
    select * from first_observed

),

events as (

    select
        -- identifiers
        {{ surrogate_key([
            'unioned.event_type', 'unioned.source_system', 'unioned.person_id',
            'unioned.source_record_key'
        ]) }} as event_id,
        unioned.person_id,
        unioned.program_id,
        unioned.organization_id,
        unioned.source_system,

        -- attributes
        unioned.event_type,
        unioned.date_precision,

        -- measures
        {{ months_between('persons.birth_month', 'unioned.event_date') }} as age_months,

        -- dates
        unioned.event_date
    from unioned
    inner join persons
        on unioned.person_id = persons.person_id

)

select * from events
