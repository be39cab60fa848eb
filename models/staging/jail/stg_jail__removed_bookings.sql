with

removed as (

    {{ removed_records('jail', 'bookings', ['booking_no']) }}

)

select * from removed
