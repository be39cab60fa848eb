{#-
What is this test?
    Programs and spell rules name each other: no program without a rule, no rule without a program.
Why it matters
    core.program joins the two; a program without a rule would vanish with all its spells.
How to fix
    Add the missing row to seeds/policy/policy_spell_rule.csv or seeds/reference/ref_program.csv.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'ref_program'}}}) }}

with

programs as (

    select * from {{ ref('ref_program') }}

),

spell_rules as (

    select * from {{ ref('policy_spell_rule') }}

),

compared as (

    select
        programs.program_id as program,
        spell_rules.program_id as spell_rule
    from programs
    full outer join spell_rules
        on programs.program_id = spell_rules.program_id

)

select *
from compared
where program is null or spell_rule is null
