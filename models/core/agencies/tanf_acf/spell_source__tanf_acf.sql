with

adults as (

    select * from {{ ref('stg_tanf_acf__adults') }}

),

children as (

    select * from {{ ref('stg_tanf_acf__children') }}

),

-- Family affiliation 1: a member of the family that receives assistance; the other codes are people
-- who live with it.
assisted_members as (

    select
        source_family_member_id,
        report_month as month
    from adults
    where family_affiliation_code = '1' and report_month is not null
    union all
    select
        source_family_member_id,
        report_month as month
    from children
    where family_affiliation_code = '1' and report_month is not null

),

assisted_runs as (

    {{ month_spells('assisted_members', ['source_family_member_id']) }}

),

federal_tanf_spells as (

    select
        source_family_member_id as source_person_key,
        {{ dbt.concat(['source_family_member_id', "'|'", 'start_date']) }} as source_record_key,
        'tanf' as program_id,
        start_date,
        end_date_excl
    from assisted_runs

),

spell_rows as (

    {{ spell_source_rows('federal_tanf_spells', 'tanf_acf') }}

)

select * from spell_rows
