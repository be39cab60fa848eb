{#-
What is this test?
    Quarters that follow one another, over the turn of the year too, are one run; a quarter missing
    between two makes two runs; a quarter delivered twice counts once.
Why it matters
    Employment spells stand on quarters; a run broken at New Year would make everyone a job loser.
How to fix
    macros/spells/month_spells.sql.
-#}
with

given (person_id, quarter_start) as (

    values
    (1, date '2024-07-01'),
    (1, date '2024-10-01'),
    (1, date '2025-01-01'),
    (2, date '2024-07-01'),
    (2, date '2025-01-01'),
    (3, date '2024-07-01'),
    (3, date '2024-07-01')

),

actual as (

    {{ month_spells('given', ['person_id'], month_column='quarter_start', months_per_row=3) }}

),

found as (

    select
        person_id,
        start_date,
        end_date_excl
    from actual

),

expected (person_id, start_date, end_date_excl) as (

    values
    (1, date '2024-07-01', date '2025-04-01'),
    (2, date '2024-07-01', date '2024-10-01'),
    (2, date '2025-01-01', date '2025-04-01'),
    (3, date '2024-07-01', date '2024-10-01')

),

missing as (

    select * from expected
    except
    select * from found

),

unexpected as (

    select * from found
    except
    select * from expected

)

select
    'missing' as problem,
    missing.*
from missing
union all
select
    'unexpected' as problem,
    unexpected.*
from unexpected
