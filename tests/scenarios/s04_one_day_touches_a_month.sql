{#-
What is this test?
    A spell of one day gives one month with one active day; a spell from the last day of a month to
    the first of the next gives two; the first day after a spell gives none.
Why it matters
    A month too many at each end turns a weekend in jail into two months of it.
How to fix
    macros/spells/spell_months.sql: both ends are half-open.
-#}
with

given (person_id, start_date, end_date_excl) as (

    values
    (1, date '2025-02-10', date '2025-02-11'),
    (2, date '2025-01-31', date '2025-02-02'),
    (3, date '2025-01-01', date '2025-02-01')

),

actual as (

    {{ spell_months('given') }}

),

found as (

    select
        person_id,
        month,
        days_active,
        is_active_on_last_day
    from actual

),

expected (person_id, month, days_active, is_active_on_last_day) as (

    values
    (1, date '2025-02-01', 1, false),
    (2, date '2025-01-01', 1, true),
    (2, date '2025-02-01', 1, false),
    (3, date '2025-01-01', 31, true)

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
