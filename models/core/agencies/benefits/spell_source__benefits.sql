with

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

active_members as (

    select
        source_client_id,
        source_case_id,
        program_id,
        report_month as month
    from case_members
    where is_active and report_month is not null

),

benefit_runs as (

    {{ month_spells('active_members', ['source_client_id', 'program_id', 'source_case_id']) }}

),

benefit_spells as (

    select
        source_client_id as source_person_key,
        {{ dbt.concat([
            'source_client_id', "'|'", 'program_id', "'|'", 'source_case_id', "'|'", 'start_date'
        ]) }} as source_record_key,
        program_id,
        start_date,
        end_date_excl
    from benefit_runs

),

spell_rows as (

    {{ spell_source_rows('benefit_spells', 'benefits') }}

)

select * from spell_rows
