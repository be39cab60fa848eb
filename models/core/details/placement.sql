with

placements_delivered as (

    select * from {{ ref('stg_child_welfare__placements') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

placements as (

    select
        -- identifiers
        source_spells.spell_source_id,
        source_spells.parent_spell_source_id as removal_spell_source_id,
        source_spells.person_id,

        -- attributes
        placements_delivered.placement_setting,

        -- measures
        placements_delivered.placement_number,
        cast(row_number() over (
            partition by source_spells.parent_spell_source_id
            order by source_spells.start_date, source_spells.spell_source_id
        ) as integer) as placement_in_removal,

        -- flags
        placements_delivered.is_trial_home_visit,

        -- dates
        source_spells.start_date,
        source_spells.last_day
    from placements_delivered
    inner join source_spells
        on
            {{ spell_source_key(
                'child_welfare', "'foster_placement'", 'placements_delivered.source_placement_id'
            ) }}
            = source_spells.spell_source_id

)

select * from placements
