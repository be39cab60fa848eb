with

removed as (

    {{ removed_records('police', 'arrests', ['arrest_transaction_no']) }}

)

select * from removed
