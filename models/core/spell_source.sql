with

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

homeless_enrollments as (

    select * from {{ ref('stg_hmis__enrollments') }}

),

homeless_exits as (

    select * from {{ ref('stg_hmis__exits') }}

),

projects as (

    select * from {{ ref('stg_hmis__projects') }}

),

project_types as (

    select * from {{ ref('ref_hmis_project_type') }}

),

destinations as (

    select * from {{ ref('ref_hmis_destination') }}

),

end_reasons as (

    select * from {{ ref('ref_end_reason_map') }}

),

bookings as (

    select * from {{ ref('stg_jail__bookings') }}

),

adults as (

    select * from {{ ref('stg_tanf_acf__adults') }}

),

children as (

    select * from {{ ref('stg_tanf_acf__children') }}

),

-- A one-day enrolment is a no-show or a slip of the registrar: it is left out, as national systems
-- elsewhere do.
school_spells as (

    select
        'k12' as source_system,
        enrollments.source_student_id as source_person_key,
        {{ dbt.concat([
            'enrollments.source_student_id', "'|'",
            'enrollments.source_school_id', "'|'",
            'enrollments.entry_date',
        ]) }} as source_record_key,
        'k12_enrollment' as program_id,
        {{ surrogate_key(["'k12'", 'enrollments.source_school_id']) }} as organization_id,
        end_reasons.end_reason_std_code,
        enrollments.entry_date as start_date,
        {{ add_days('enrollments.exit_date', 1) }} as end_date_excl
    from enrollments
    left join end_reasons
        on
            enrollments.exit_type_code = end_reasons.source_code
            and end_reasons.source_system = 'k12'
    where
        not enrollments.is_one_day
        and enrollments.entry_date is not null
        and (enrollments.exit_date is null or enrollments.exit_date > enrollments.entry_date)
        and coalesce(end_reasons.end_reason_std_code, 'none')
        not in ('never_came', 'entered_in_error')

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
        'benefits' as source_system,
        source_client_id as source_person_key,
        {{ dbt.concat([
            'source_client_id', "'|'", 'program_id', "'|'", 'source_case_id', "'|'", 'start_date'
        ]) }} as source_record_key,
        program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        cast(null as {{ dbt.type_string() }}) as end_reason_std_code,
        start_date,
        end_date_excl
    from benefit_runs

),

-- Corrections of an earlier quarter come as zero or negative lines: only a quarter whose lines add
-- up to more than nothing is a quarter worked.
worked_quarters as (

    select
        source_worker_id,
        source_employer_id,
        quarter_start as month
    from wages
    where quarter_start is not null
    group by source_worker_id, source_employer_id, quarter_start
    having sum(wages_usd) > 0

),

wage_runs as (

    {{ month_spells(
        'worked_quarters', ['source_worker_id', 'source_employer_id'], months_per_row=3
    ) }}

),

wage_spells as (

    select
        'wages' as source_system,
        source_worker_id as source_person_key,
        {{ dbt.concat([
            'source_worker_id', "'|'", "coalesce(source_employer_id, '~')", "'|'", 'start_date'
        ]) }} as source_record_key,
        'employment' as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        cast(null as {{ dbt.type_string() }}) as end_reason_std_code,
        start_date,
        end_date_excl
    from wage_runs

),

first_exits as (

    select
        source_enrollment_id,
        min(exit_date) as exit_date,
        min(destination_code) as destination_code
    from homeless_exits
    where exit_date is not null
    group by source_enrollment_id

),

-- The day of exit is not a night in the project; a stay that begins and ends on one day is one day.
homeless_spells as (

    select
        'hmis' as source_system,
        homeless_enrollments.source_client_id as source_person_key,
        homeless_enrollments.source_enrollment_id as source_record_key,
        project_types.program_id,
        {{ surrogate_key(["'hmis'", 'homeless_enrollments.source_project_id']) }}
            as organization_id,
        destinations.destination_std_code as end_reason_std_code,
        homeless_enrollments.entry_date as start_date,
        case
            when first_exits.exit_date <= homeless_enrollments.entry_date
                then {{ add_days('homeless_enrollments.entry_date', 1) }}
            else first_exits.exit_date
        end as end_date_excl
    from homeless_enrollments
    inner join projects
        on homeless_enrollments.source_project_id = projects.source_project_id
    inner join project_types
        on projects.project_type_code = project_types.project_type_code
    left join first_exits
        on homeless_enrollments.source_enrollment_id = first_exits.source_enrollment_id
    left join destinations
        on
            first_exits.destination_code
            between destinations.first_code and destinations.last_code
    where homeless_enrollments.entry_date is not null

),

jail_spells as (

    select
        'jail' as source_system,
        bookings.source_jacket_id as source_person_key,
        bookings.source_booking_id as source_record_key,
        'jail' as program_id,
        {{ surrogate_key(["'jail'", "'county'"]) }} as organization_id,
        end_reasons.end_reason_std_code,
        cast(bookings.booked_at as date) as start_date,
        {{ add_days('cast(bookings.released_at as date)', 1) }} as end_date_excl
    from bookings
    left join end_reasons
        on
            bookings.release_reason_code = end_reasons.source_code
            and end_reasons.source_system = 'jail'
    where
        bookings.booked_at is not null
        and (bookings.released_at is null or bookings.released_at >= bookings.booked_at)

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
        'tanf_acf' as source_system,
        source_family_member_id as source_person_key,
        {{ dbt.concat(['source_family_member_id', "'|'", 'start_date']) }} as source_record_key,
        'tanf' as program_id,
        cast(null as {{ dbt.type_string() }}) as organization_id,
        cast(null as {{ dbt.type_string() }}) as end_reason_std_code,
        start_date,
        end_date_excl
    from assisted_runs

),

unioned as (

    select * from school_spells
    union all
    select * from benefit_spells
    union all
    select * from wage_spells
    union all
    select * from homeless_spells
    union all
    select * from jail_spells
    union all
    select * from federal_tanf_spells

),

linked as (

    select
        -- identifiers
        {{ surrogate_key([
            'unioned.source_system', 'unioned.program_id', 'unioned.source_record_key'
        ]) }} as spell_source_id,
        crosswalk.person_id,
        unioned.program_id,
        unioned.organization_id,
        unioned.source_system,

        -- attributes
        unioned.end_reason_std_code,

        -- dates
        unioned.start_date,
        {{ last_day('unioned.end_date_excl') }} as last_day
    from unioned
    inner join crosswalk
        on
            unioned.source_system = crosswalk.source_system
            and unioned.source_person_key = crosswalk.source_person_key

)

select * from linked
