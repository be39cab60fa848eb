{#-
What is this test?
    An open spell, and one said to end after the last covered day, are cut on the day after it; one
    that ended before is left alone.
Why it matters
    Cut at today's date instead, every duration would grow with the age of the file.
How to fix
    macros/spells/censor_at_coverage.sql.
-#}
with

given (name, end_date_excl, coverage_end) as (

    values
    ('open', cast(null as date), date '2025-06-30'),
    ('planned to end later', date '2025-09-01', date '2025-06-30'),
    ('ends with the coverage', date '2025-07-01', date '2025-06-30'),
    ('ended before', date '2025-05-10', date '2025-06-30')

),

actual as (

    select
        name,
        {{ censor_at_coverage('end_date_excl', 'coverage_end') }} as end_date_excl
    from given

),

expected (name, end_date_excl) as (

    values
    ('open', date '2025-07-01'),
    ('planned to end later', date '2025-07-01'),
    ('ends with the coverage', date '2025-07-01'),
    ('ended before', date '2025-05-10')

)

select
    actual.name,
    actual.end_date_excl as actual_end,
    expected.end_date_excl as expected_end
from expected
full outer join actual
    on expected.name = actual.name
where actual.end_date_excl is distinct from expected.end_date_excl
