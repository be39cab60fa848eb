with

vital as (

    select * from {{ ref('int_identity__vital_records') }}

),

k12 as (

    select * from {{ ref('int_identity__k12_records') }}

),

benefits as (

    select * from {{ ref('int_identity__benefits_records') }}

),

wages as (

    select * from {{ ref('int_identity__wages_records') }}

),

hmis as (

    select * from {{ ref('int_identity__hmis_records') }}

),

jail as (

    select * from {{ ref('int_identity__jail_records') }}

),

child_welfare as (

    select * from {{ ref('int_identity__child_welfare_records') }}

),

child_care as (

    select * from {{ ref('int_identity__child_care_records') }}

),

head_start as (

    select * from {{ ref('int_identity__head_start_records') }}

),

early_intervention as (

    select * from {{ ref('int_identity__early_intervention_records') }}

),

adult_protection as (

    select * from {{ ref('int_identity__adult_protection_records') }}

),

tanf_acf as (

    select * from {{ ref('int_identity__tanf_acf_records') }}

),

police as (

    select * from {{ ref('int_identity__police_records') }}

),

courts as (

    select * from {{ ref('int_identity__courts_records') }}

),

child_support as (

    select * from {{ ref('int_identity__child_support_records') }}

),

housing as (

    select * from {{ ref('int_identity__housing_records') }}

),

helpline as (

    select * from {{ ref('int_identity__helpline_records') }}

),

food_bank as (

    select * from {{ ref('int_identity__food_bank_records') }}

),

utility as (

    select * from {{ ref('int_identity__utility_records') }}

),

medicaid as (

    select * from {{ ref('int_identity__medicaid_records') }}

),

ssa as (

    select * from {{ ref('int_identity__ssa_records') }}

),

clinic as (

    select * from {{ ref('int_identity__clinic_records') }}

),

k12_staff as (

    select * from {{ ref('int_identity__k12_staff_records') }}

),

unioned as (

    select * from vital
    union all
    select * from k12
    union all
    select * from benefits
    union all
    select * from wages
    union all
    select * from hmis
    union all
    select * from jail
    union all
    select * from child_welfare
    union all
    select * from child_care
    union all
    select * from head_start
    union all
    select * from early_intervention
    union all
    select * from adult_protection
    union all
    select * from tanf_acf
    union all
    select * from police
    union all
    select * from courts
    union all
    select * from child_support
    union all
    select * from housing
    union all
    select * from helpline
    union all
    select * from food_bank
    union all
    select * from utility
    union all
    select * from medicaid
    union all
    select * from ssa
    union all
    select * from clinic
    union all
    select * from k12_staff

)

select * from unioned
