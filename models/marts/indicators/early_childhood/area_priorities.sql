with

risks as (

    select * from {{ ref('child_risks') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

vacancies as (

    select * from {{ ref('provider_vacancies') }}

),

disclosure as (

    select * from {{ ref('policy_disclosure') }}

),

children as (

    select
        person_id,
        birth_month,
        count(case when has_risk then 1 end) as n_risks
    from risks
    group by person_id, birth_month

),

-- A birth counts where the mother lived, as birth statistics have it (NCHS, births by place of
-- residence): the certificate tells the home of that month. Where it could not be placed, the first
-- home that any source told of counts.
homes as (

    select
        children.person_id,
        children.birth_month,
        children.n_risks,
        residences.place_id,
        row_number() over (
            partition by children.person_id
            order by
                case
                    when residences.start_date > children.birth_month then 1
                    when residences.last_day < children.birth_month then 1
                    else 0
                end,
                residences.start_date
        ) as place_by_date
    from children
    inner join residences
        on children.person_id = residences.person_id

),

cohorts as (

    select
        place_id,
        cast({{ dbt.date_trunc('year', 'birth_month') }} as date) as cohort_start,
        count(*) as n_children,
        count(case when n_risks >= 2 then 1 end) as n_two,
        count(case when n_risks >= 3 then 1 end) as n_three
    from homes
    where place_by_date = 1
    group by place_id, cast({{ dbt.date_trunc('year', 'birth_month') }} as date)

),

slots as (

    select
        place_id,
        sum(capacity) as quality_slots
    from vacancies
    where is_open and not is_stale and age_group = 'preschool' and stars >= 3
    group by place_id

),

counted as (

    select
        cohorts.place_id,
        cohorts.cohort_start,
        {{ published_count('cohorts.n_children') }} as children,
        {{ published_count('cohorts.n_two') }} as children_two_or_more,
        {{ published_count('cohorts.n_three') }} as children_three_or_more,
        cast(coalesce(slots.quality_slots, 0) as integer) as quality_slots
    from cohorts
    cross join disclosure
    left join slots
        on cohorts.place_id = slots.place_id
    where disclosure.policy = 'default'

),

-- Shares and ranks are of the published counts: what is hidden cannot be had back from them.
shared as (

    select
        place_id,
        cohort_start,
        children,
        children_two_or_more,
        children_three_or_more,
        quality_slots,
        cast(round(100.0 * children_two_or_more / nullif(children, 0), 1) as numeric(5, 1))
            as pct_two_or_more,
        cast(round(100.0 * children_three_or_more / nullif(children, 0), 1) as numeric(5, 1))
            as pct_three_or_more,
        children - quality_slots as access_gap
    from counted

),

priorities as (

    select
        -- identifiers
        place_id,
        cohort_start,

        -- measures
        children,
        children_two_or_more,
        children_three_or_more,
        pct_two_or_more,
        pct_three_or_more,
        quality_slots,
        access_gap,
        case
            when pct_two_or_more is not null
                then cast(rank() over (
                    partition by cohort_start
                    order by coalesce(pct_two_or_more, -1) desc
                ) as integer)
        end as priority_rank,

        -- flags
        children is null as is_suppressed,
        coalesce(children_two_or_more > 20, false) as is_reliable
    from shared

)

select * from priorities
