{#-
What is this test?
    Thirty days of grace join a gap of thirty days and not one of thirty-one; a nested spell does
    not end the one around it.
Why it matters
    One day more or less at the limit moves every count of entries and exits, and the shorter of two
    spells is the one that most often ends last in the file.
How to fix
    macros/spells/collapse_spells.sql; tests/python/test_spell_oracle.py narrows it down.
-#}
with

given (person_id, start_date, end_date_excl) as (

    values
    (1, date '2025-01-01', date '2025-02-01'),
    (1, date '2025-03-03', date '2025-04-01'),
    (2, date '2025-01-01', date '2025-02-01'),
    (2, date '2025-03-04', date '2025-04-01'),
    (3, date '2025-01-01', date '2025-06-01'),
    (3, date '2025-02-01', date '2025-02-10'),
    (3, date '2025-06-20', date '2025-07-01')

),

actual as (

    {{ collapse_spells('given', ['person_id'], grace_days='30') }}

),

expected (
    person_id, spell_number, start_date, end_date_excl, n_source_spells, gap_days_bridged
) as (

    values
    (1, 1, date '2025-01-01', date '2025-04-01', 2, 30),
    (2, 1, date '2025-01-01', date '2025-02-01', 1, 0),
    (2, 2, date '2025-03-04', date '2025-04-01', 1, 0),
    (3, 1, date '2025-01-01', date '2025-07-01', 3, 19)

),

missing as (

    select * from expected
    except
    select * from actual

),

unexpected as (

    select * from actual
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
