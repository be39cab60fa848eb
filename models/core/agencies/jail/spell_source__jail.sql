with

bookings as (

    select * from {{ ref('stg_jail__bookings') }}

),

end_reasons as (

    select * from {{ ref('ref_end_reason_map') }}

),

jail_spells as (

    select
        bookings.source_jacket_id as source_person_key,
        bookings.source_booking_id as source_record_key,
        'jail' as program_id,
        {{ organization_key('jail', "'county'") }} as organization_id,
        end_reasons.end_reason_std_code,
        cast(bookings.booked_at as date) as start_date,
        {{ add_days('cast(bookings.released_at as date)', 1) }} as end_date_excl
    from bookings
    left join end_reasons
        on
            bookings.release_reason_code = end_reasons.source_code
            and end_reasons.source_system = 'jail'
    where
        bookings.booked_at is not null
        and (bookings.released_at is null or bookings.released_at >= bookings.booked_at)

),

spell_rows as (

    {{ spell_source_rows('jail_spells', 'jail', has=['organization_id', 'end_reason_std_code']) }}

)

select * from spell_rows
