with

removals as (

    select * from {{ ref('stg_child_welfare__removals') }}

),

placements as (

    select * from {{ ref('stg_child_welfare__placements') }}

),

clients as (

    select * from {{ ref('stg_child_welfare__clients') }}

),

-- A removal ordered before the birth begins with it.
episodes as (

    select
        removals.source_client_id as source_person_key,
        removals.source_removal_id as source_record_key,
        'foster_care' as program_id,
        cast(null as {{ dbt.type_string() }}) as parent_program_id,
        cast(null as {{ dbt.type_string() }}) as parent_record_key,
        removals.removal_manner as start_reason_std_code,
        removals.discharge_reason as end_reason_std_code,
        {{ later_of('removals.removal_date', 'clients.birth_date') }} as start_date,
        removals.discharge_date as end_date_excl
    from removals
    left join clients
        on removals.source_client_id = clients.source_client_id
    where removals.removal_date is not null

),

-- Respite relieves a placement that goes on: it is no placement. One that outlasts its removal ends
-- with it.
stays as (

    select
        episodes.source_person_key,
        placements.source_placement_id as source_record_key,
        'foster_placement' as program_id,
        'foster_care' as parent_program_id,
        episodes.source_record_key as parent_record_key,
        placements.placement_setting as start_reason_std_code,
        case
            when placements.end_date is not null and placements.end_date < episodes.end_date_excl
                then 'placement_changed'
            when placements.end_date is not null and episodes.end_date_excl is null
                then 'placement_changed'
            else episodes.end_reason_std_code
        end as end_reason_std_code,
        {{ later_of('placements.begin_date', 'episodes.start_date') }} as start_date,
        case
            when placements.end_date is null then episodes.end_date_excl
            when episodes.end_date_excl is null then placements.end_date
            else {{ earlier_of('placements.end_date', 'episodes.end_date_excl') }}
        end as end_date_excl
    from placements
    inner join episodes
        on placements.source_removal_id = episodes.source_record_key
    where placements.begin_date is not null and not placements.is_respite

),

care_spells as (

    select * from episodes
    where end_date_excl is null or end_date_excl > start_date
    union all
    select * from stays
    where end_date_excl is null or end_date_excl > start_date

),

spell_rows as (

    {{ spell_source_rows('care_spells', 'child_welfare', has=[
        'parent_program_id', 'parent_record_key', 'start_reason_std_code', 'end_reason_std_code',
    ]) }}

)

select * from spell_rows
