with

persons as (

    select * from {{ ref('person') }}

),

spells as (

    select * from {{ ref('spell') }}

),

programs as (

    select * from {{ ref('program') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

months as (

    select * from {{ ref('ref_month') }}

),

age_bands as (

    select * from {{ ref('ref_age_band') }}

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
        years.calendar_year,
        count(distinct programs.agency) as n_agencies_covered
    from years
    inner join coverage
        on
            years.year_start <= coverage.coverage_end
            and years.next_year_start > coverage.coverage_start
    inner join programs
        on coverage.program_id = programs.program_id
    group by years.calendar_year

),

person_years as (

    select
        spells.person_id,
        years.calendar_year,
        years.next_year_start,
        count(distinct programs.agency) as n_agencies,
        count(distinct spells.program_id) as n_programs,
        sum({{ days_between(
            later_of('spells.start_date', 'years.year_start'),
            earlier_of(add_days('spells.last_observed_day', 1), 'years.next_year_start')
        ) }}) as program_days
    from spells
    inner join programs
        on spells.program_id = programs.program_id
    inner join years
        on
            spells.start_date < years.next_year_start
            and spells.last_observed_day >= years.year_start
    group by spells.person_id, years.calendar_year, years.next_year_start

),

aged as (

    select
        person_years.person_id,
        person_years.calendar_year,
        person_years.n_agencies,
        person_years.n_programs,
        person_years.program_days,
        persons.sex,
        persons.race_ethnicity,
        cast(floor(({{ months_between(
            'persons.birth_month', 'person_years.next_year_start') }} - 1) / 12.0) as integer) as age_years
    from person_years
    inner join persons
        on person_years.person_id = persons.person_id

),

involvement as (

    select
        -- identifiers
        aged.person_id,
        aged.calendar_year,

        -- attributes
        age_bands.age_band,
        aged.sex,
        aged.race_ethnicity,

        -- measures
        cast(aged.n_agencies as integer) as n_agencies,
        cast(aged.n_programs as integer) as n_programs,
        cast(aged.program_days as integer) as program_days,
        cast(years_covered.n_agencies_covered as integer) as n_agencies_covered,

        -- flags
        aged.n_agencies > 1 as is_multi_agency
    from aged
    inner join years_covered
        on aged.calendar_year = years_covered.calendar_year
    left join age_bands
        on
            aged.age_years >= age_bands.min_age_years
            and aged.age_years < age_bands.below_age_years

)

select * from involvement
