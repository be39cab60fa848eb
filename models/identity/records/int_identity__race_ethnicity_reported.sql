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

clients as (

    select * from {{ ref('stg_hmis__clients') }}

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

protection_clients as (

    select * from {{ ref('stg_child_welfare__clients') }}

),

arrests as (

    select * from {{ ref('stg_police__arrests') }}

),

charges as (

    select * from {{ ref('stg_courts__charges') }}

),

subsidized_members as (

    select * from {{ ref('stg_housing__family_members') }}

),

care_members as (

    select * from {{ ref('stg_child_care__family_members') }}

),

care_months as (

    select * from {{ ref('stg_child_care__subsidy_months') }}

),

eligibles as (

    select * from {{ ref('stg_medicaid__eligibles') }}

),

patients as (

    select * from {{ ref('stg_clinic__patients') }}

),

head_start_enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

part_c_referrals as (

    select * from {{ ref('stg_early_intervention__referrals') }}

),

adult_investigations as (

    select * from {{ ref('stg_adult_protection__investigations') }}

),

code_map as (

    select * from {{ ref('ref_race_ethnicity_map') }}

),

coded as (

    select distinct
        'vital_mother' as source_system,
        'vital' as agency,
        source_birth_id as source_person_key,
        mother_race_code as source_code
    from births
    union all
    select distinct
        'vital_death' as source_system,
        'vital' as agency,
        source_death_id as source_person_key,
        case when is_hispanic then 'H' else race_code end as source_code
    from deaths
    union all
    select distinct
        'k12' as source_system,
        'k12' as agency,
        source_student_id as source_person_key,
        race_ethnicity_code as source_code
    from enrollments
    union all
    select distinct
        'benefits' as source_system,
        'benefits' as agency,
        source_client_id as source_person_key,
        race_code as source_code
    from case_members
    union all
    select distinct
        'jail' as source_system,
        'jail' as agency,
        source_jacket_id as source_person_key,
        race_code as source_code
    from bookings
    union all
    select distinct
        'child_welfare' as source_system,
        'child_welfare' as agency,
        source_client_id as source_person_key,
        race_code as source_code
    from protection_clients
    union all
    select distinct
        'police' as source_system,
        'police' as agency,
        source_person_index_id as source_person_key,
        race_code as source_code
    from arrests
    union all
    select distinct
        'court_case' as source_system,
        'courts' as agency,
        source_case_id as source_person_key,
        race_code as source_code
    from charges
    union all
    select distinct
        'housing' as source_system,
        'housing' as agency,
        source_member_id as source_person_key,
        race_code as source_code
    from subsidized_members
    union all
    select distinct
        'medicaid' as source_system,
        'medicaid' as agency,
        source_msis_id as source_person_key,
        race_code as source_code
    from eligibles
    union all
    select distinct
        'clinic' as source_system,
        'clinic' as agency,
        source_patient_id as source_person_key,
        race_code as source_code
    from patients
    union all
    select distinct
        'head_start' as source_system,
        'head_start' as agency,
        source_child_id as source_person_key,
        race_ethnicity_code as source_code
    from head_start_enrollments
    union all
    select distinct
        'part_c' as source_system,
        'early_intervention' as agency,
        source_child_id as source_person_key,
        race_code as source_code
    from part_c_referrals
    union all
    select distinct
        'adult_protection' as source_system,
        'adult_protection' as agency,
        source_client_id as source_person_key,
        race_code as source_code
    from adult_investigations

),

mapped as (

    select
        coded.source_system,
        coded.source_person_key,
        code_map.race_ethnicity
    from coded
    inner join code_map
        on
            coded.agency = code_map.agency
            and coded.source_code = code_map.source_code

),

itemised as (

    select
        'hmis' as source_system,
        source_client_id as source_person_key,
        race_ethnicity
    from clients
    where race_ethnicity is not null
    union all
    select distinct
        'tanf_acf' as source_system,
        source_family_member_id as source_person_key,
        race_ethnicity
    from adults
    where race_ethnicity is not null
    union all
    select distinct
        'tanf_acf' as source_system,
        source_family_member_id as source_person_key,
        race_ethnicity
    from children
    where race_ethnicity is not null
    union all
    select distinct
        'child_care' as source_system,
        care_members.source_member_id as source_person_key,
        care_months.race_ethnicity
    from care_members
    inner join care_months
        on
            care_members.report_month = care_months.report_month
            and care_members.source_family_id = care_months.source_family_id
            and care_members.member_ordinal = care_months.child_ordinal
    where care_months.race_ethnicity is not null

),

unioned as (

    select * from mapped
    union all
    select * from itemised

)

select * from unioned
