with

removals as (

    select * from {{ ref('stg_child_welfare__removals') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

episodes as (

    select
        -- identifiers
        source_spells.spell_source_id,
        source_spells.person_id,

        -- attributes
        removals.responsible_agency,
        removals.removal_manner,
        removals.case_goal,
        removals.discharge_reason,

        -- measures
        removals.removal_number,
        {{ days_between('removals.removal_date', 'removals.removal_entered_date') }}
            as days_to_entry,

        -- flags
        coalesce(removals.discharge_reason = 'reunified', false) as is_reunified,

        -- dates
        source_spells.start_date,
        source_spells.last_day
    from removals
    inner join source_spells
        on
            {{ spell_source_key('child_welfare', "'foster_care'", 'removals.source_removal_id') }}
            = source_spells.spell_source_id

)

select * from episodes
