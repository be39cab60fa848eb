with

births as (

    select * from {{ ref('stg_vital__births') }}

),

roles as (

    select
        'vital_child' as source_system,
        'birth' as event_type
    union all
    select
        'vital_mother' as source_system,
        'parenthood' as event_type
    union all
    select
        'vital_father' as source_system,
        'parenthood' as event_type

),

-- The day of a birth stays in identity: core knows its month.
certificate_events as (

    select
        roles.source_system as key_system,
        births.source_birth_id as source_person_key,
        births.source_birth_id as source_record_key,
        roles.event_type,
        case
            when births.birth_date_precision = 'day' then 'month'
            else births.birth_date_precision
        end as date_precision,
        {{ first_of_month('births.birth_date') }} as event_date
    from births
    cross join roles
    where births.birth_date is not null

),

event_rows as (

    {{ event_rows(
        'certificate_events', 'vital', has=['date_precision'], key_system='part.key_system'
    ) }}

)

select * from event_rows
