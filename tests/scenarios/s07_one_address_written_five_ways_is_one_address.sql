{#-
What is this test?
    Ways of writing one address give one key, the unit in a field of its own or behind the street;
    another unit, number or ZIP gives another; half an address gives none.
Why it matters
    The key places people in tracts and is evidence for linkage.
How to fix
    A row in seeds/reference/ref_address_word.csv, or macros/cleaning/address_key.sql.
-#}
with

given (street_address, unit, zip, expected) as (

    values
    ('12 North Main Street', 'Apt 4', '19801', '12 N MAIN ST|4|19801'),
    ('12 N. MAIN ST', '#4', '19801-1234', '12 N MAIN ST|4|19801'),
    ('12  n main str', 'Unit 4', '198011234', '12 N MAIN ST|4|19801'),
    ('12 N Main St.', 'APARTMENT 4', '19801', '12 N MAIN ST|4|19801'),
    ('12 N Main St', '4', ' 19801', '12 N MAIN ST|4|19801'),
    ('12 N Main St Apt 4', null, '19801', '12 N MAIN ST|4|19801'),
    ('12 N Main Street #4', null, '19801', '12 N MAIN ST|4|19801'),
    ('12 N Main St 4', null, '19801', '12 N MAIN ST|4|19801'),
    ('12 N Main St Lot 4 b', null, '19801', '12 N MAIN ST|LOT 4 B|19801'),
    ('9 Oak Drive D', null, '19801', '9 OAK DR|D|19801'),
    ('9 Oak Drive E', null, '19801', '9 OAK DR E||19801'),
    ('9 County Road 12', null, '19801', '9 COUNTY RD 12||19801'),
    ('9 Avenue D', null, '19801', '9 AVE D||19801'),
    ('9 Unit Lane', null, '19801', '9 UNIT LN||19801'),
    ('12 N Main St', null, '19801', '12 N MAIN ST||19801'),
    ('14 N Main St', '4', '19801', '14 N MAIN ST|4|19801'),
    ('12 N Main St', '4', '99999', null),
    (null, '4', '19801', null)

),

numbered as (

    select
        row_number() over () as number,
        given.*
    from given

),

keys as (

    {{ address_keys('numbered', 'number') }}

),

actual as (

    select
        numbered.expected,
        keys.address_key
    from numbered
    inner join keys
        on numbered.number = keys.number

)

select *
from actual
where address_key is distinct from expected
