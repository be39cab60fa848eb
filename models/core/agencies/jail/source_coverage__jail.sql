with

bookings as (

    select * from {{ ref('stg_jail__bookings') }}

),

-- Bookings come whole: back to the month of the earliest one.
snapshot as (

    select
        'jail' as subject,
        'snapshot' as basis,
        {{ first_of_month('min(booked_at)') }} as coverage_start,
        max(as_of_date) as coverage_end
    from bookings

),

coverage_rows as (

    {{ coverage_rows('snapshot', 'jail') }}

)

select * from coverage_rows
