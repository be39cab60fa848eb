{#-
What is this test?
    A number that the Social Security Administration cannot have issued, or that is known to stand
    for nobody, becomes null; a possible one comes out as nine digits.
Why it matters
    One placeholder that stays links every stranger who carries it into one person.
How to fix
    macros/cleaning/clean_ssn.sql, or a row in seeds/policy/policy_ssn_placeholder.csv.
-#}
with

given (typed, expected) as (

    values
    ('536-22-8726', '536228726'),
    ('536 22 8726', '536228726'),
    ('000228726', cast(null as text)),
    ('666228726', null),
    ('900228726', null),
    ('536008726', null),
    ('536220000', null),
    ('111111111', null),
    ('078051120', null),
    ('123456789', null),
    ('53622872', null),
    ('XXXXX8726', null),
    ('', null)

),

actual as (

    select
        typed,
        expected,
        {{ clean_ssn('typed') }} as cleaned
    from given

)

select *
from actual
where cleaned is distinct from expected
