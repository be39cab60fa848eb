{#-
What is this test?
    A count below the minimum is null, zero included; every other one is rounded to the base.
Why it matters
    A zero next to a null says that nobody is there and somebody is here.
How to fix
    macros/disclosure/published_count.sql.
-#}
with

disclosure (minimum_count, rounding_base) as (

    values (11, 5)

),

given (n_persons, expected) as (

    values
    (0, cast(null as integer)),
    (10, null),
    (11, 10),
    (12, 10),
    (13, 15),
    (1002, 1000)

),

actual as (

    select
        given.n_persons,
        given.expected,
        {{ published_count('given.n_persons') }} as published
    from given
    cross join disclosure

)

select *
from actual
where published is distinct from expected
