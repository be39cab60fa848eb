with

spells as (

    select * from {{ ref('spell') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

months as (

    select * from {{ ref('ref_month') }}

),

disclosure as (

    select * from {{ ref('policy_disclosure') }}

),

years as (

    select
        calendar_year,
        min(month_start) as year_start,
        max(next_month_start) as next_year_start
    from months
    group by calendar_year

),

years_covered as (

    select
        coverage.program_id,
        months.calendar_year,
        count(distinct months.month_start) as n_months_covered
    from coverage
    inner join months
        on
            coverage.coverage_start <= months.month_start
            and {{ add_days('coverage.coverage_end', 1) }} >= months.next_month_start
    where coverage.program_id is not null
    group by coverage.program_id, months.calendar_year

),

person_years as (

    select distinct
        spells.person_id,
        spells.program_id,
        years.calendar_year
    from spells
    inner join years
        on
            spells.start_date < years.next_year_start
            and spells.last_observed_day >= years.year_start
    inner join years_covered
        on
            spells.program_id = years_covered.program_id
            and years.calendar_year = years_covered.calendar_year

),

program_counts as (

    select
        program_id,
        calendar_year,
        count(*) as n_persons
    from person_years
    group by program_id, calendar_year

),

pair_counts as (

    select
        first_program.program_id as program_a,
        second_program.program_id as program_b,
        first_program.calendar_year,
        count(*) as n_persons
    from person_years as first_program
    inner join person_years as second_program
        on
            first_program.person_id = second_program.person_id
            and first_program.calendar_year = second_program.calendar_year
            and first_program.program_id < second_program.program_id
    group by first_program.program_id, second_program.program_id, first_program.calendar_year

),

pairs as (

    select
        first_covered.program_id as program_a,
        second_covered.program_id as program_b,
        first_covered.calendar_year,
        first_covered.n_months_covered as n_months_covered_a,
        second_covered.n_months_covered as n_months_covered_b
    from years_covered as first_covered
    inner join years_covered as second_covered
        on
            first_covered.calendar_year = second_covered.calendar_year
            and first_covered.program_id < second_covered.program_id

),

published as (

    select
        -- identifiers
        pairs.program_a,
        pairs.program_b,
        pairs.calendar_year,

        -- measures
        {{ published_count('coalesce(counts_a.n_persons, 0)') }} as persons_a,
        {{ published_count('coalesce(counts_b.n_persons, 0)') }} as persons_b,
        {{ published_count('coalesce(pair_counts.n_persons, 0)') }} as persons_both,
        cast(pairs.n_months_covered_a as integer) as n_months_covered_a,
        cast(pairs.n_months_covered_b as integer) as n_months_covered_b,

        -- flags
        pairs.n_months_covered_a = 12 and pairs.n_months_covered_b = 12 as is_year_fully_covered
    from pairs
    cross join disclosure
    left join program_counts as counts_a
        on
            pairs.program_a = counts_a.program_id
            and pairs.calendar_year = counts_a.calendar_year
    left join program_counts as counts_b
        on
            pairs.program_b = counts_b.program_id
            and pairs.calendar_year = counts_b.calendar_year
    left join pair_counts
        on
            pairs.program_a = pair_counts.program_a
            and pairs.program_b = pair_counts.program_b
            and pairs.calendar_year = pair_counts.calendar_year
    where disclosure.policy = 'default'

)

select * from published
