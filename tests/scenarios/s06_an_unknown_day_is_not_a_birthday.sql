{#-
What is this test?
    A part of a date delivered as 99, as 9999 or as a day its month does not have is unknown: the
    date stands in the middle of what is known, and its precision says what that is.
Why it matters
    Linkage and ages must not take the fifteenth for a day that somebody wrote down.
How to fix
    macros/cleaning/clean_date.sql.
-#}
with

given (birth_year, birth_month, birth_day, expected_date, expected_precision) as (

    values
    ('1991', '07', '04', date '1991-07-04', 'day'),
    ('2024', '02', '29', date '2024-02-29', 'day'),
    ('1991', '07', '99', date '1991-07-15', 'month'),
    ('2023', '02', '29', date '2023-02-15', 'month'),
    ('1991', '07', null, date '1991-07-15', 'month'),
    ('1991', '99', '99', date '1991-07-01', 'year'),
    ('9999', '07', '04', null, null),
    (null, '07', '04', null, null)

),

actual as (

    select
        expected_date,
        expected_precision,
        {{ clean_date_parts('birth_year', 'birth_month', 'birth_day') }} as cleaned_date,
        {{ date_precision('birth_year', 'birth_month', 'birth_day') }} as cleaned_precision
    from given

)

select *
from actual
where
    cleaned_date is distinct from expected_date
    or cleaned_precision is distinct from expected_precision
