{#-
What is this test?
    No booking and no charge that an agency took back is in core: not among the source spells, nor
    the charges. Their keys are made again from the agency's and looked for.
Why it matters
    A court that expunges a record orders that nobody finds it again.
How to fix
    Look for a model that reads earlier loads: only the removed_records macro may.
-#}
with

bookings as (

    select {{ spell_source_key('jail', "'jail'", 'source_record_key') }} as spell_source_id
    from {{ ref('stg_jail__removed_bookings') }}

),

charges as (

    select
        {{ surrogate_key([
            "split_part(source_record_key, '|', 1)",
            "cast(split_part(source_record_key, '|', 2) as integer)",
        ]) }} as court_charge_id
    from {{ ref('stg_courts__removed_charges') }}

)

select
    'a booking is still told' as problem,
    count(*) as n_records
from bookings
inner join {{ ref('spell_source') }} as spells
    on bookings.spell_source_id = spells.spell_source_id
having count(*) > 0
union all
select
    'a charge is still told' as problem,
    count(*) as n_records
from charges
inner join {{ ref('court_charge') }} as told
    on charges.court_charge_id = told.court_charge_id
having count(*) > 0
