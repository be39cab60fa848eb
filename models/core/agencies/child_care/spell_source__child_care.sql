with

subsidy_months as (

    select * from {{ ref('stg_child_care__subsidy_months') }}

),

family_members as (

    select * from {{ ref('stg_child_care__family_members') }}

),

-- Only the companion file knows whom a child's line of the month is.
paid_months as (

    select
        family_members.source_member_id,
        subsidy_months.source_provider_id,
        subsidy_months.report_month as month
    from subsidy_months
    inner join family_members
        on
            subsidy_months.report_month = family_members.report_month
            and subsidy_months.source_family_id = family_members.source_family_id
            and subsidy_months.child_ordinal = family_members.member_ordinal
            and family_members.member_role = 'child'
    group by
        family_members.source_member_id, subsidy_months.source_provider_id,
        subsidy_months.report_month

),

care_runs as (

    {{ month_spells('paid_months', ['source_member_id', 'source_provider_id']) }}

),

care_spells as (

    select
        source_member_id as source_person_key,
        {{ dbt.concat([
            'source_member_id', "'|'", "coalesce(source_provider_id, '~')", "'|'", 'start_date'
        ]) }} as source_record_key,
        'child_care_subsidy' as program_id,
        start_date,
        end_date_excl
    from care_runs

),

spell_rows as (

    {{ spell_source_rows('care_spells', 'child_care') }}

)

select * from spell_rows
