with

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

months as (

    select
        -- identifiers
        crosswalk.person_id,
        case_members.program_id,

        -- measures
        cast(count(distinct case_members.source_case_id) as integer) as n_cases,
        cast(sum(case_members.case_benefit_usd) as integer) as case_benefit_usd,

        -- flags
        max(case when case_members.is_active then 1 else 0 end) = 1 as is_active,

        -- dates
        case_members.report_month as month
    from case_members
    inner join crosswalk
        on
            case_members.source_client_id = crosswalk.source_person_key
            and crosswalk.source_system = 'benefits'
    where case_members.report_month is not null
    group by crosswalk.person_id, case_members.program_id, case_members.report_month

)

select * from months
