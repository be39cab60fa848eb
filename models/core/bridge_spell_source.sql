with

spells as (

    select * from {{ ref('spell') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

bridge as (

    select
        -- identifiers
        spells.spell_id,
        source_spells.spell_source_id,
        spells.person_id,

        -- attributes
        source_spells.source_system
    from source_spells
    inner join spells
        on
            source_spells.person_id = spells.person_id
            and source_spells.program_id = spells.program_id
            and source_spells.start_date >= spells.start_date
            and source_spells.start_date <= spells.last_observed_day

)

select * from bridge
