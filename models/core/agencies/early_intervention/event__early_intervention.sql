with

referrals as (

    select * from {{ ref('stg_early_intervention__referrals') }}

),

steps as (

    select
        source_child_id as source_person_key,
        source_referral_id as source_record_key,
        'early_intervention_referral' as event_type,
        referral_source as value_code,
        referral_date as event_date
    from referrals
    where referral_date is not null
    union all
    select
        source_child_id as source_person_key,
        source_referral_id as source_record_key,
        'early_intervention_evaluation' as event_type,
        eligibility as value_code,
        evaluation_date as event_date
    from referrals
    where evaluation_date is not null

),

event_rows as (

    {{ event_rows(
        'steps', 'early_intervention', has=['value_code'], key_system="'part_c'"
    ) }}

)

select * from event_rows
