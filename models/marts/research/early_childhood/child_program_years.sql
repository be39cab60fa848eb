with

spells as (

    select * from {{ ref('spell') }}

),

persons as (

    select * from {{ ref('person') }}

),

coverage as (

    select * from {{ ref('program_coverage') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

months as (

    select * from {{ ref('ref_month') }}

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
    group by coverage.program_id, months.calendar_year

),

child_years as (

    select
        persons.person_id,
        years.calendar_year,
        years.year_start,
        years.next_year_start,
        cast(floor(
            ({{ months_between('persons.birth_month', 'years.next_year_start') }} - 1) / 12.0
        ) as integer) as age_years
    from persons
    inner join years
        on
            persons.birth_month < years.next_year_start
            and {{ add_months('persons.birth_month', 72) }} >= years.next_year_start
    where persons.death_date is null or persons.death_date >= years.year_start

),

homes as (

    select
        child_years.person_id,
        child_years.calendar_year,
        residences.place_id,
        row_number() over (
            partition by child_years.person_id, child_years.calendar_year
            order by residences.start_date desc
        ) as place_from_end
    from child_years
    inner join residences
        on
            child_years.person_id = residences.person_id
            and child_years.next_year_start > residences.start_date
            and (residences.last_day is null or child_years.year_start <= residences.last_day)

),

stays as (

    select
        child_years.person_id,
        child_years.calendar_year,
        child_years.age_years,
        spells.program_id,
        sum({{ days_between(
            later_of('spells.start_date', 'child_years.year_start'),
            earlier_of(add_days('spells.last_observed_day', 1), 'child_years.next_year_start')
        ) }}) as program_days
    from child_years
    inner join spells
        on
            child_years.person_id = spells.person_id
            and child_years.next_year_start > spells.start_date
            and child_years.year_start <= spells.last_observed_day
    group by
        child_years.person_id, child_years.calendar_year, child_years.age_years, spells.program_id

),

child_program_years as (

    select
        -- identifiers
        stays.person_id,
        stays.program_id,
        stays.calendar_year,
        homes.place_id,

        -- measures
        stays.age_years,
        cast(stays.program_days as integer) as program_days,
        cast(years_covered.n_months_covered as integer) as n_months_covered
    from stays
    inner join years_covered
        on
            stays.program_id = years_covered.program_id
            and stays.calendar_year = years_covered.calendar_year
    left join homes
        on
            stays.person_id = homes.person_id
            and stays.calendar_year = homes.calendar_year
            and homes.place_from_end = 1

)

select * from child_program_years
