{#-
What is this test?
    Names come out in capitals with single spaces, both halves of a double name and the particles
    kept, accents folded, apostrophes and dots closed up; nothing but marks is no name.
Why it matters
    The half of a name that is lost here is the one by which the next agency knows the person.
How to fix
    macros/cleaning/clean_name.sql.
-#}
with

given (typed, expected) as (

    values
    ('de la Cruz', 'DE LA CRUZ'),
    ('Smith-Jones', 'SMITH JONES'),
    ('O''Neil', 'ONEIL'),
    ('  mary   ann ', 'MARY ANN'),
    ('José', 'JOSE'),
    ('ST. CLAIR', 'ST CLAIR'),
    ('Jr.', 'JR'),
    ('--', cast(null as text)),
    ('', null)

),

actual as (

    select
        expected,
        {{ clean_name('typed') }} as cleaned
    from given

)

select *
from actual
where cleaned is distinct from expected
