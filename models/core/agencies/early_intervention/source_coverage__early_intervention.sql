with

referrals as (

    select * from {{ ref('stg_early_intervention__referrals') }}

),

families as (

    select * from {{ ref('stg_early_intervention__home_visiting_families') }}

),

-- The files come whole, back to the first day of the year of the earliest row.
snapshots as (

    select
        'early_intervention' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(referral_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from referrals
    union all
    select
        'home_visiting' as subject,
        'snapshot' as basis,
        cast({{ dbt.date_trunc('year', 'min(enrolled_date)') }} as date) as coverage_start,
        max(as_of_date) as coverage_end
    from families

),

coverage_rows as (

    {{ coverage_rows('snapshots', 'early_intervention') }}

)

select * from coverage_rows
