with

removed as (

    {{ removed_records('courts', 'charges', ['case_no', 'charge_no']) }}

)

select * from removed
