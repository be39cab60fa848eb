with

members as (

    select * from {{ ref('stg_housing__family_members') }}

),

reports as (

    select * from {{ ref('stg_housing__family_reports') }}

),

records as (

    select
        'housing' as source_system,
        members.source_member_id as source_person_key,
        members.first_name,
        members.middle_name,
        members.last_name,
        members.suffix,
        cast(null as text) as maiden_name,
        members.ssn,
        cast(null as text) as ssn_last4,
        reports.street_address,
        reports.unit,
        reports.zip,
        cast(null as text) as plurality_order,
        members.sex,
        members.birth_date,
        case when members.birth_date is not null then 'day' end as birth_date_precision,
        min(members.load_id) as first_load_id,
        max(members.load_id) as last_load_id
    from members
    inner join reports
        on
            members.source_household_id = reports.source_household_id
            and members.effective_date = reports.effective_date
            and members.action_code = reports.action_code
    group by
        members.source_member_id, members.first_name, members.middle_name, members.last_name,
        members.suffix, members.ssn, reports.street_address, reports.unit, reports.zip,
        members.sex, members.birth_date

)

select * from records
