with

programs as (

    select * from {{ ref('ref_program') }}

),

spell_rules as (

    select * from {{ ref('policy_spell_rule') }}

),

joined as (

    select
        -- identifiers
        programs.program_id,

        -- attributes
        programs.program_name,
        programs.domain,
        programs.pathway,
        programs.agency,
        programs.grain,
        programs.entry_event_type,
        programs.exit_event_type,
        spell_rules.overlap_policy,
        programs.definition,
        spell_rules.rule_version,

        -- measures
        spell_rules.grace_days,
        spell_rules.inactivity_days,
        spell_rules.max_age_years,

        -- flags
        programs.end_is_inclusive
    from programs
    inner join spell_rules
        on programs.program_id = spell_rules.program_id

)

select * from joined
