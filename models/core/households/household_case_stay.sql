with

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

adults as (

    select * from {{ ref('stg_tanf_acf__adults') }}

),

children as (

    select * from {{ ref('stg_tanf_acf__children') }}

),

homeless_enrollments as (

    select * from {{ ref('stg_hmis__enrollments') }}

),

homeless_exits as (

    select * from {{ ref('stg_hmis__exits') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

roles as (

    select * from {{ ref('ref_household_role_map') }}

),

residence_policy as (

    select * from {{ ref('policy_residence') }}

),

case_months as (

    select
        'benefits' as source_system,
        program_id,
        source_case_id,
        source_client_id as source_person_key,
        relation_to_head_code,
        report_month as month
    from case_members
    where report_month is not null
    union all
    select
        'tanf_acf' as source_system,
        'tanf' as program_id,
        source_case_id,
        source_family_member_id as source_person_key,
        relation_to_head_code,
        report_month as month
    from adults
    where report_month is not null
    union all
    select
        'tanf_acf' as source_system,
        'tanf' as program_id,
        source_case_id,
        source_family_member_id as source_person_key,
        relation_to_head_code,
        report_month as month
    from children
    where report_month is not null

),

-- A case number is used again after a case closed: after a long silence it names another household.
case_periods as (

    select distinct
        case_months.source_system,
        case_months.program_id,
        case_months.source_case_id,
        case_months.month as start_date,
        {{ add_months('case_months.month', 1) }} as end_date_excl,
        residence_policy.household_gap_days
    from case_months
    cross join residence_policy

),

case_runs as (

    {{ collapse_spells(
        'case_periods',
        ['source_system', 'program_id', 'source_case_id', 'household_gap_days'],
        grace_days='household_gap_days'
    ) }}

),

case_rows as (

    select
        {{ surrogate_key([
            'case_months.source_system', 'case_months.program_id', 'case_months.source_case_id',
            'case_runs.start_date'
        ]) }} as household_id,
        case_months.source_system,
        case_months.program_id,
        crosswalk.person_id,
        roles.role,
        case_months.month as start_date,
        {{ add_months('case_months.month', 1) }} as end_date_excl
    from case_months
    inner join case_runs
        on
            case_months.source_system = case_runs.source_system
            and case_months.program_id = case_runs.program_id
            and case_months.source_case_id = case_runs.source_case_id
            and case_months.month >= case_runs.start_date
            and case_months.month < case_runs.end_date_excl
    inner join crosswalk
        on
            case_months.source_system = crosswalk.source_system
            and case_months.source_person_key = crosswalk.source_person_key
    left join roles
        on
            case_months.source_system = roles.source_system
            and case_months.relation_to_head_code = roles.source_code

),

hmis_coverage as (

    select max(coverage_end) as coverage_end
    from coverage
    where source_system = 'hmis'

),

first_exits as (

    select
        source_enrollment_id,
        min(exit_date) as exit_date
    from homeless_exits
    where exit_date is not null
    group by source_enrollment_id

),

homeless_rows as (

    select
        {{ surrogate_key([
            "'hmis'",
            "coalesce(homeless_enrollments.source_household_id, "
            ~ "homeless_enrollments.source_enrollment_id)"
        ]) }} as household_id,
        'hmis' as source_system,
        cast(null as {{ dbt.type_string() }}) as program_id,
        crosswalk.person_id,
        roles.role,
        homeless_enrollments.entry_date as start_date,
        case
            when first_exits.exit_date <= homeless_enrollments.entry_date
                then {{ add_days('homeless_enrollments.entry_date', 1) }}
            else {{ censor_at_coverage('first_exits.exit_date', 'hmis_coverage.coverage_end') }}
        end as end_date_excl
    from homeless_enrollments
    inner join crosswalk
        on
            homeless_enrollments.source_client_id = crosswalk.source_person_key
            and crosswalk.source_system = 'hmis'
    cross join hmis_coverage
    left join first_exits
        on homeless_enrollments.source_enrollment_id = first_exits.source_enrollment_id
    left join roles
        on
            roles.source_system = 'hmis'
            and homeless_enrollments.relation_to_head_code = roles.source_code
    where homeless_enrollments.entry_date is not null

),

unioned as (

    select * from case_rows
    union all
    select * from homeless_rows

),

possible as (

    select *
    from unioned
    where start_date < end_date_excl

),

collapsed as (

    {{ collapse_spells('possible', ['household_id', 'person_id']) }}

),

-- The role that stands highest among those an agency wrote down: head, spouse, child, other.
attributes as (

    select
        household_id,
        person_id,
        min(source_system) as source_system,
        min(program_id) as program_id,
        min(
            case role
                when 'head' then 1
                when 'spouse' then 2
                when 'child' then 3
                when 'other_relative' then 4
                when 'unrelated' then 5
            end
        ) as role_rank
    from possible
    group by household_id, person_id

),

stays as (

    select
        -- identifiers
        collapsed.household_id,
        collapsed.person_id,
        attributes.program_id,
        attributes.source_system,

        -- attributes
        case attributes.role_rank
            when 1 then 'head'
            when 2 then 'spouse'
            when 3 then 'child'
            when 4 then 'other_relative'
            when 5 then 'unrelated'
        end as role,

        -- dates
        collapsed.start_date,
        {{ last_day('collapsed.end_date_excl') }} as last_observed_day
    from collapsed
    inner join attributes
        on
            collapsed.household_id = attributes.household_id
            and collapsed.person_id = attributes.person_id

)

select * from stays
