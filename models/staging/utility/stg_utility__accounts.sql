with

source as (

    select * from {{ source('utility', 'accounts') }}

),

-- The billing system sends some messages again, after newer ones: the latest day counts, wherever
-- in the file it stands.
latest as (

    select distinct on (_delivery, account_id) *
    from source
    order by _delivery asc, account_id asc, as_of desc

),

renamed as (

    select
        -- identifiers
        btrim(account_id) as source_account_id,
        btrim(customer_no) as source_customer_id,
        btrim(premise_id) as source_premise_id,
        {{ clean_text('customer_first') }} as first_name,
        {{ clean_text('customer_mi') }} as middle_name,
        {{ clean_text('customer_last') }} as last_name,
        {{ clean_ssn_last4('ssn_last4') }} as ssn_last4,
        {{ clean_text('service_street') }} as street_address,
        {{ clean_text('service_unit') }} as unit,
        {{ clean_zip('service_zip') }} as zip,

        -- attributes
        {{ clean_text('status') }} as status_code,

        -- measures
        {{ clean_integer('arrears_usd') }} as arrears_usd,

        -- flags
        status = 'S' as is_shut_off,
        case assistance when 'Y' then true when 'N' then false end as is_assisted,

        -- dates
        {{ clean_date('start_date', 'yyyy-mm-dd') }} as start_date,
        {{ clean_date('stop_date', 'yyyy-mm-dd') }} as stop_date,
        {{ clean_date('shutoff_date', 'yyyy-mm-dd') }} as shutoff_date,
        {{ clean_date('as_of', 'yyyy-mm-dd') }} as as_of_date,
        {{ delivery_month_end('_delivery') }} as snapshot_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from latest

)

select * from renamed
