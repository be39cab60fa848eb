with

referrals as (

    select * from {{ ref('stg_early_intervention__referrals') }}

),

families as (

    select * from {{ ref('stg_early_intervention__home_visiting_families') }}

),

-- Mother and child are in the program; the child from its birth on.
members as (

    select
        'home_visiting_caregiver' as key_system,
        source_enrollment_id,
        exit_reason,
        enrolled_date as start_date,
        exit_date
    from families
    union all
    select
        'home_visiting_child' as key_system,
        source_enrollment_id,
        exit_reason,
        {{ later_of('enrolled_date', 'child_birth_date') }} as start_date,
        exit_date
    from families
    where child_birth_date is not null

),

-- A child is in early intervention from the day of its plan, not of its referral.
served as (

    select
        'part_c' as key_system,
        source_child_id as source_person_key,
        source_referral_id as source_record_key,
        'early_intervention' as program_id,
        exit_reason as end_reason_std_code,
        plan_date as start_date,
        {{ add_days('exit_date', 1) }} as end_date_excl
    from referrals
    where plan_date is not null and (exit_date is null or exit_date >= plan_date)
    union all
    select
        key_system,
        source_enrollment_id as source_person_key,
        {{ dbt.concat(['key_system', "'|'", 'source_enrollment_id']) }} as source_record_key,
        'home_visiting' as program_id,
        exit_reason as end_reason_std_code,
        start_date,
        {{ add_days('exit_date', 1) }} as end_date_excl
    from members
    where start_date is not null and (exit_date is null or exit_date >= start_date)

),

spell_rows as (

    {{ spell_source_rows(
        'served', 'early_intervention', has=['end_reason_std_code'], key_system='part.key_system'
    ) }}

)

select * from spell_rows
