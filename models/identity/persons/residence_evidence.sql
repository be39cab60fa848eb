with

births as (

    select * from {{ ref('stg_vital__births') }}

),

deaths as (

    select * from {{ ref('stg_vital__deaths') }}

),

enrollments as (

    select * from {{ ref('stg_k12__enrollments') }}

),

case_members as (

    select * from {{ ref('stg_benefits__case_members') }}

),

bookings as (

    select * from {{ ref('stg_jail__bookings') }}

),

protection_clients as (

    select * from {{ ref('stg_child_welfare__clients') }}

),

care_members as (

    select * from {{ ref('stg_child_care__family_members') }}

),

eligibles as (

    select * from {{ ref('stg_medicaid__eligibles') }}

),

ssi_recipients as (

    select * from {{ ref('stg_ssa__ssi_recipients') }}

),

head_start_enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

part_c_referrals as (

    select * from {{ ref('stg_early_intervention__referrals') }}

),

visited_families as (

    select * from {{ ref('stg_early_intervention__home_visiting_families') }}

),

adult_investigations as (

    select * from {{ ref('stg_adult_protection__investigations') }}

),

utility_accounts as (

    select * from {{ ref('stg_utility__accounts') }}

),

patients as (

    select * from {{ ref('stg_clinic__patients') }}

),

encounters as (

    select * from {{ ref('stg_clinic__encounters') }}

),

addresses as (

    select * from {{ ref('int_identity__addresses_standardised') }}

),

geocodes as (

    select * from {{ ref('address') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

priorities as (

    select * from {{ ref('policy_survivorship') }}

),

arrests as (

    select * from {{ ref('stg_police__arrests') }}

),

charges as (

    select * from {{ ref('stg_courts__charges') }}

),

support_participants as (

    select * from {{ ref('stg_child_support__participants') }}

),

subsidized_members as (

    select * from {{ ref('stg_housing__family_members') }}

),

subsidized_reports as (

    select * from {{ ref('stg_housing__family_reports') }}

),

housing_actions as (

    select * from {{ ref('ref_housing_action') }}

),

-- Who pays for one dwelling usually lives in it; who pays for several lets them.
accounts_of_one_premise as (

    select
        source_customer_id,
        delivery,
        min(as_of_date) as as_of_date,
        min(street_address) as street_address,
        min(unit) as unit,
        min(zip) as zip
    from utility_accounts
    where stop_date is null
    group by source_customer_id, delivery
    having count(*) = 1

),

-- The school keeps one address of a student, the latest it was told, and writes it on enrolments of
-- every year: it is evidence for the last day of school before the file, whichever year's row has
-- it. Dated by the row, the home of a student who moved would be put a year too early.
told_students as (

    select distinct
        source_student_id,
        as_of_date
    from enrollments

),

last_school_days as (

    select
        told_students.source_student_id,
        told_students.as_of_date,
        max(least(enrollments.exit_date, told_students.as_of_date)) as school_date
    from told_students
    inner join enrollments
        on
            told_students.source_student_id = enrollments.source_student_id
            and told_students.as_of_date >= enrollments.entry_date
    group by told_students.source_student_id, told_students.as_of_date

),

-- Clinics keep one address, the one that was told at the last visit.
last_visits as (

    select
        source_patient_id,
        max(cast(started_at as date)) as visit_date
    from encounters
    group by source_patient_id

),

dated as (

    select
        'vital_child' as source_system,
        source_birth_id as source_person_key,
        street_address,
        unit,
        zip,
        birth_date as evidence_date
    from births
    union all
    select
        'vital_mother' as source_system,
        source_birth_id as source_person_key,
        street_address,
        unit,
        zip,
        birth_date as evidence_date
    from births
    union all
    select
        'vital_death' as source_system,
        source_death_id as source_person_key,
        street_address,
        unit,
        zip,
        death_date as evidence_date
    from deaths
    union all
    select
        'k12' as source_system,
        enrollments.source_student_id as source_person_key,
        enrollments.street_address,
        enrollments.unit,
        enrollments.zip,
        last_school_days.school_date as evidence_date
    from enrollments
    inner join last_school_days
        on
            enrollments.source_student_id = last_school_days.source_student_id
            and enrollments.as_of_date = last_school_days.as_of_date
    union all
    select
        'benefits' as source_system,
        source_client_id as source_person_key,
        street_address,
        unit,
        zip,
        report_month as evidence_date
    from case_members
    union all
    select
        'jail' as source_system,
        source_jacket_id as source_person_key,
        street_address,
        unit,
        zip,
        cast(booked_at as date) as evidence_date
    from bookings
    union all
    select
        'child_welfare' as source_system,
        source_client_id as source_person_key,
        street_address,
        unit,
        zip,
        last_contact_date as evidence_date
    from protection_clients
    union all
    select
        'police' as source_system,
        source_person_index_id as source_person_key,
        street_address,
        unit,
        zip,
        arrest_date as evidence_date
    from arrests
    union all
    select
        'court_case' as source_system,
        source_case_id as source_person_key,
        street_address,
        unit,
        zip,
        filed_date as evidence_date
    from charges
    union all
    -- The agency keeps one address, the latest it was told: evidence for the month of the file.
    select
        'child_support' as source_system,
        source_member_id as source_person_key,
        street_address,
        unit,
        zip,
        as_of_date as evidence_date
    from support_participants
    union all
    -- A report that ends a subsidy says where the household lived, not where it lives.
    select
        'housing' as source_system,
        subsidized_members.source_member_id as source_person_key,
        subsidized_reports.street_address,
        subsidized_reports.unit,
        subsidized_reports.zip,
        subsidized_reports.effective_date as evidence_date
    from subsidized_members
    inner join subsidized_reports
        on
            subsidized_members.source_household_id = subsidized_reports.source_household_id
            and subsidized_members.effective_date = subsidized_reports.effective_date
            and subsidized_members.action_code = subsidized_reports.action_code
    inner join housing_actions
        on subsidized_reports.action_code = housing_actions.action_code
    where not housing_actions.is_end_of_subsidy
    union all
    select
        'child_care' as source_system,
        source_member_id as source_person_key,
        street_address,
        unit,
        zip,
        report_month as evidence_date
    from care_members
    union all
    select
        'medicaid' as source_system,
        source_msis_id as source_person_key,
        street_address,
        unit,
        zip,
        as_of_date as evidence_date
    from eligibles
    where street_address is not null
    union all
    select
        'ssa' as source_system,
        source_record_ssn as source_person_key,
        street_address,
        unit,
        zip,
        payment_month as evidence_date
    from ssi_recipients
    where street_address is not null
    union all
    select
        'head_start' as source_system,
        source_child_id as source_person_key,
        street_address,
        unit,
        zip,
        entry_date as evidence_date
    from head_start_enrollments
    union all
    select
        'part_c' as source_system,
        source_child_id as source_person_key,
        street_address,
        unit,
        zip,
        referral_date as evidence_date
    from part_c_referrals
    union all
    select
        'home_visiting_caregiver' as source_system,
        source_enrollment_id as source_person_key,
        street_address,
        unit,
        zip,
        enrolled_date as evidence_date
    from visited_families
    union all
    select
        'adult_protection' as source_system,
        source_client_id as source_person_key,
        street_address,
        unit,
        zip,
        report_date as evidence_date
    from adult_investigations
    union all
    select
        'utility' as source_system,
        source_customer_id as source_person_key,
        street_address,
        unit,
        zip,
        as_of_date as evidence_date
    from accounts_of_one_premise
    union all
    select
        'clinic' as source_system,
        patients.source_patient_id as source_person_key,
        patients.street_address,
        cast(null as text) as unit,
        patients.zip,
        last_visits.visit_date as evidence_date
    from patients
    inner join last_visits
        on patients.source_patient_id = last_visits.source_patient_id

),

placed as (

    select
        crosswalk.person_id,
        {{ first_of_month('dated.evidence_date') }} as evidence_month,
        dated.source_system,
        priorities.priority,
        dated.evidence_date,
        geocodes.tract_geoid,
        geocodes.dwelling_number
    from dated
    inner join addresses
        on
            {{ surrogate_key(['dated.street_address', 'dated.unit', 'dated.zip']) }}
            = addresses.typed_address_id
    inner join geocodes
        on addresses.address_key = geocodes.address_key
    inner join crosswalk
        on
            dated.source_system = crosswalk.source_system
            and dated.source_person_key = crosswalk.source_person_key
    inner join priorities
        on
            dated.source_system = priorities.source_system
            and priorities.attribute = 'residence'
    where
        geocodes.tract_geoid is not null
        and dated.evidence_date is not null

),

one_a_month as (

    select distinct on (person_id, evidence_month)
        -- identifiers
        person_id,
        tract_geoid,
        dwelling_number,

        -- attributes
        source_system,

        -- dates
        evidence_month
    from placed
    order by
        person_id asc,
        evidence_month asc,
        priority asc,
        evidence_date desc,
        tract_geoid asc,
        dwelling_number asc

)

select * from one_a_month
