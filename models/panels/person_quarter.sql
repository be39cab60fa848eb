with

person_months as (

    select * from {{ ref('person_month') }}

),

months as (

    select * from {{ ref('ref_month') }}

),

wages as (

    select * from {{ ref('wage_quarter') }}

),

quarters as (

    select
        person_months.person_id,
        months.quarter_start,
        min(person_months.age_months) as age_months,
        count(*) as n_months,
        max(case when person_months.is_employed then 1 else 0 end)
            as most_employed,
        count(person_months.is_employed) as n_months_employment_known,
        sum(case when person_months.has_snap then 1 else 0 end) as n_months_snap,
        count(person_months.has_snap) as n_months_snap_known,
        sum(case when person_months.has_tanf then 1 else 0 end) as n_months_tanf,
        count(person_months.has_tanf) as n_months_tanf_known
    from person_months
    inner join months
        on person_months.month = months.month_start
    group by person_months.person_id, months.quarter_start

),

panel as (

    select
        -- identifiers
        quarters.person_id,

        -- measures
        cast(quarters.age_months as integer) as age_months,
        cast(quarters.n_months as integer) as n_months,
        wages.n_employers,
        wages.wages_usd,
        case
            when quarters.n_months_snap_known > 0 then cast(quarters.n_months_snap as integer)
        end as n_months_snap,
        cast(quarters.n_months_snap_known as integer) as n_months_snap_known,
        case
            when quarters.n_months_tanf_known > 0 then cast(quarters.n_months_tanf as integer)
        end as n_months_tanf,
        cast(quarters.n_months_tanf_known as integer) as n_months_tanf_known,

        -- flags
        case
            when quarters.most_employed = 1 then true
            when quarters.n_months_employment_known = quarters.n_months then false
        end as is_employed,

        -- dates
        quarters.quarter_start
    from quarters
    left join wages
        on
            quarters.person_id = wages.person_id
            and quarters.quarter_start = wages.quarter_start

)

select * from panel
