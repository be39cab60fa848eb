with

bookings_delivered as (

    select * from {{ ref('stg_jail__bookings') }}

),

source_spells as (

    select * from {{ ref('spell_source') }}

),

bookings as (

    select
        -- identifiers
        source_spells.spell_source_id,
        source_spells.person_id,

        -- attributes
        bookings_delivered.charge_code,
        bookings_delivered.charge_level_code,
        source_spells.end_reason_std_code as release_reason,

        -- flags
        bookings_delivered.is_held_for_another,
        coalesce(source_spells.end_reason_std_code = 'transferred', false) as is_transferred,

        -- dates
        source_spells.start_date,
        source_spells.last_day
    from bookings_delivered
    inner join source_spells
        on
            {{ spell_source_key('jail', "'jail'", 'bookings_delivered.source_booking_id') }}
            = source_spells.spell_source_id

)

select * from bookings
