with

reports as (

    select * from {{ ref('stg_housing__family_reports') }}

),

members as (

    select * from {{ ref('stg_housing__family_members') }}

),

actions as (

    select * from {{ ref('ref_housing_action') }}

),

-- Each report holds until the next one of its household.
ordered as (

    select
        reports.source_household_id,
        reports.action_code,
        reports.admission_date,
        reports.effective_date,
        actions.is_end_of_subsidy,
        row_number() over (
            partition by reports.source_household_id
            order by reports.effective_date, reports.action_code
        ) as report_number,
        lag(reports.effective_date) over (
            partition by reports.source_household_id
            order by reports.effective_date, reports.action_code
        ) as previous_effective_date,
        lead(reports.effective_date) over (
            partition by reports.source_household_id
            order by reports.effective_date, reports.action_code
        ) as next_effective_date,
        lead(actions.is_end_of_subsidy) over (
            partition by reports.source_household_id
            order by reports.effective_date, reports.action_code
        ) as is_followed_by_end
    from reports
    inner join actions
        on reports.action_code = actions.action_code
    where reports.effective_date is not null

),

listed as (

    select
        members.source_member_id,
        ordered.report_number,
        ordered.admission_date,
        ordered.effective_date,
        ordered.previous_effective_date,
        ordered.next_effective_date,
        ordered.is_followed_by_end,
        lag(ordered.report_number) over (
            partition by members.source_member_id order by ordered.report_number
        ) as previously_listed_on,
        lead(ordered.report_number) over (
            partition by members.source_member_id order by ordered.report_number
        ) as next_listed_on
    from ordered
    inner join members
        on
            ordered.source_household_id = members.source_household_id
            and ordered.effective_date = members.effective_date
            and ordered.action_code = members.action_code
    where not ordered.is_end_of_subsidy

),

-- Who came or left between two reports did so on a day that nobody told: it is put in the middle,
-- as for residence. The first report in the file may be a reexamination of a household admitted
-- years before, and an end that is not told yet lies beyond any file.
dated as (

    select
        source_member_id,
        effective_date,
        case
            when report_number = 1 and admission_date < effective_date then admission_date
            when report_number = 1 or previously_listed_on = report_number - 1 then effective_date
            else {{ midway('previous_effective_date', 'effective_date') }}
        end as start_date,
        case
            when next_effective_date is null then date '9999-12-31'
            when is_followed_by_end or next_listed_on = report_number + 1 then next_effective_date
            else {{ midway('effective_date', 'next_effective_date') }}
        end as end_date_excl
    from listed

),

held as (

    select *
    from dated
    where start_date < end_date_excl

),

tenancies as (

    {{ collapse_spells('held', ['source_member_id']) }}

),

last_reports as (

    select
        source_member_id,
        max(effective_date) as last_activity_date
    from held
    group by source_member_id

),

tenancy_spells as (

    select
        tenancies.source_member_id as source_person_key,
        {{ dbt.concat(['tenancies.source_member_id', "'|'", 'tenancies.start_date']) }}
            as source_record_key,
        'subsidized_tenancy' as program_id,
        last_reports.last_activity_date,
        tenancies.start_date,
        nullif(tenancies.end_date_excl, date '9999-12-31') as end_date_excl
    from tenancies
    inner join last_reports
        on tenancies.source_member_id = last_reports.source_member_id

),

spell_rows as (

    {{ spell_source_rows('tenancy_spells', 'housing', has=['last_activity_date']) }}

)

select * from spell_rows
