{#-
What is this test?
    Of the records with an address, at least nine in ten are found in the county address file.
Why it matters
    The tract of a person comes from this join alone; below that, rates by tract mislead.
How to fix
    Look at identity.address where match_quality is none: a new way of writing streets belongs into
    ref_address_word, new streets into a new delivery of the address file.

The threshold: 97.9 per cent matched over six deliveries of the fictional county on 2026-11-23; the
loss that is allowed is about four times that loss.
Records and not distinct addresses, so that the misspelled addresses of one source count as often
as their records do. A source that writes units behind the street fell to 54 per cent until
address_key split them off (2026-11-25).
-#}
{{ config(group='identity', meta={'dagster': {'ref': {'name': 'address'}}}) }}

with

addresses as (

    select * from {{ ref('address') }}

),

records as (

    select * from {{ ref('identity_record') }}

),

shares as (

    select
        count(*) as n_records,
        sum(case when addresses.match_quality <> 'none' then 1 else 0 end) as n_matched
    from records
    inner join addresses
        on records.address_key = addresses.address_key

)

select *
from shares
where n_matched < 0.9 * n_records
