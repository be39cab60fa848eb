with

subsidy_months as (

    select * from {{ ref('stg_child_care__subsidy_months') }}

),

family_members as (

    select * from {{ ref('stg_child_care__family_members') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

organizations as (

    select * from {{ ref('organization') }}

),

paid_months as (

    select
        -- identifiers
        crosswalk.person_id,
        {{ surrogate_key([
            'subsidy_months.source_family_id', 'subsidy_months.child_ordinal',
            'subsidy_months.setting_ordinal', 'subsidy_months.report_month'
        ]) }} as child_care_month_id,
        organizations.organization_id,

        -- attributes
        subsidy_months.reason_for_care,
        subsidy_months.type_of_care,

        -- measures
        subsidy_months.hours,
        subsidy_months.paid_usd,
        subsidy_months.family_copay_usd,
        subsidy_months.family_income_usd,
        subsidy_months.family_size,
        subsidy_months.stars,

        -- flags
        subsidy_months.is_licensed,
        subsidy_months.is_zero_hours,

        -- dates
        subsidy_months.report_month as month
    from subsidy_months
    inner join family_members
        on
            subsidy_months.report_month = family_members.report_month
            and subsidy_months.source_family_id = family_members.source_family_id
            and subsidy_months.child_ordinal = family_members.member_ordinal
            and family_members.member_role = 'child'
    inner join crosswalk
        on
            family_members.source_member_id = crosswalk.source_person_key
            and crosswalk.source_system = 'child_care'
    left join organizations
        on
            {{ organization_key('licensing', 'subsidy_months.source_provider_id') }}
            = organizations.organization_id

)

select * from paid_months
