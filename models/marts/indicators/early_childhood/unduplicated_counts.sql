with

child_years as (

    select * from {{ ref('child_program_years') }}

),

program_sets as (

    select * from {{ ref('policy_program_set') }}

),

coverage as (

    select * from {{ ref('program_coverage') }}

),

persons as (

    select * from {{ ref('person') }}

),

residences as (

    select * from {{ ref('residence_spell') }}

),

places as (

    select * from {{ ref('place') }}

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

-- A set is counted for a year when any of its programs was covered in it.
set_years as (

    select
        program_sets.program_set,
        years.calendar_year,
        count(distinct program_sets.program_id) as n_programs_covered
    from program_sets
    inner join coverage
        on program_sets.program_id = coverage.program_id
    inner join years
        on
            coverage.coverage_start < years.next_year_start
            and coverage.coverage_end >= years.year_start
    group by program_sets.program_set, years.calendar_year

),

set_sizes as (

    select
        program_set,
        count(*) as n_programs
    from program_sets
    group by program_set

),

in_set as (

    select
        program_sets.program_set,
        child_years.calendar_year,
        child_years.age_years,
        child_years.person_id,
        child_years.place_id,
        count(*) as n_programs
    from child_years
    inner join program_sets
        on child_years.program_id = program_sets.program_id
    group by
        program_sets.program_set, child_years.calendar_year, child_years.age_years,
        child_years.person_id, child_years.place_id

),

-- Each child counts in the county of the table, in its tract, and in its age and all ages.
counted_places as (

    select
        in_set.program_set,
        in_set.calendar_year,
        'county' as place_type,
        'all' as place_id,
        in_set.age_years,
        in_set.person_id,
        in_set.n_programs
    from in_set
    union all
    select
        in_set.program_set,
        in_set.calendar_year,
        'tract' as place_type,
        places.place_id,
        in_set.age_years,
        in_set.person_id,
        in_set.n_programs
    from in_set
    inner join places
        on in_set.place_id = places.place_id

),

counted as (

    select
        program_set,
        calendar_year,
        place_type,
        place_id,
        'birth_to_5' as age_band,
        person_id,
        n_programs
    from counted_places
    union all
    select
        program_set,
        calendar_year,
        place_type,
        place_id,
        {{ dbt.concat(["'age_'", 'cast(age_years as {})'.format(dbt.type_string())]) }} as age_band,
        person_id,
        n_programs
    from counted_places

),

numerators as (

    select
        program_set,
        calendar_year,
        place_type,
        place_id,
        age_band,
        count(distinct person_id) as n_persons,
        sum(n_programs) as n_enrollments,
        count(case when n_programs > 1 then 1 end) as n_overlapping
    from counted
    group by program_set, calendar_year, place_type, place_id, age_band

),

residents as (

    select distinct
        persons.person_id,
        years.calendar_year,
        residences.place_id,
        cast(floor(
            ({{ months_between('persons.birth_month', 'years.next_year_start') }} - 1) / 12.0
        ) as integer) as age_years
    from persons
    inner join years
        on
            persons.birth_month < years.next_year_start
            and {{ add_months('persons.birth_month', 72) }} >= years.next_year_start
    inner join residences
        on
            persons.person_id = residences.person_id
            and years.next_year_start > residences.start_date
            and (residences.last_day is null or years.year_start <= residences.last_day)

),

resident_places as (

    select
        'county' as place_type,
        'all' as place_id,
        calendar_year,
        age_years,
        person_id
    from residents
    union all
    select
        'tract' as place_type,
        place_id,
        calendar_year,
        age_years,
        person_id
    from residents

),

resident_bands as (

    select
        place_type,
        place_id,
        calendar_year,
        'birth_to_5' as age_band,
        person_id
    from resident_places
    union all
    select
        place_type,
        place_id,
        calendar_year,
        {{ dbt.concat(["'age_'", 'cast(age_years as {})'.format(dbt.type_string())]) }} as age_band,
        person_id
    from resident_places

),

denominators as (

    select
        place_type,
        place_id,
        calendar_year,
        age_band,
        count(distinct person_id) as n_residents
    from resident_bands
    group by place_type, place_id, calendar_year, age_band

),

published as (

    select
        -- identifiers
        set_years.program_set,
        set_years.calendar_year,
        denominators.place_id,
        denominators.age_band,

        -- attributes
        denominators.place_type,
        'residence_spell' as denominator_source,

        -- measures
        {{ published_count('coalesce(numerators.n_persons, 0)') }} as persons,
        {{ published_count('coalesce(numerators.n_enrollments, 0)') }} as enrollments,
        {{ published_count('coalesce(numerators.n_overlapping, 0)') }} as persons_in_several,
        {{ published_count('denominators.n_residents') }} as residents,
        cast(set_years.n_programs_covered as integer) as n_programs_covered,
        cast(set_sizes.n_programs as integer) as n_programs,

        -- flags
        coalesce(numerators.n_persons, 0) < disclosure.minimum_count as is_suppressed
    from set_years
    inner join set_sizes
        on set_years.program_set = set_sizes.program_set
    inner join denominators
        on set_years.calendar_year = denominators.calendar_year
    cross join disclosure
    left join numerators
        on
            set_years.program_set = numerators.program_set
            and set_years.calendar_year = numerators.calendar_year
            and denominators.place_type = numerators.place_type
            and denominators.place_id = numerators.place_id
            and denominators.age_band = numerators.age_band
    where
        disclosure.policy = 'default'
        and set_years.program_set <> 'continuity_of_care'

)

select * from published
