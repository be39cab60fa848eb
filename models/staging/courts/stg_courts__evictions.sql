with

source as (

    select * from {{ source('courts', 'evictions') }}

),

-- The court writes OCCUPANT for tenants whose names the landlord does not know: nobody.
named as (

    select
        *,
        case when upper(defendant_name) not like 'OCCUPANT%' then defendant_name end as tenant_name
    from source

),

renamed as (

    select
        -- identifiers
        btrim(case_no) as source_filing_id,
        concat(btrim(case_no), '|', btrim(party_no)) as source_defendant_id,
        {{ clean_text('plaintiff_name') }} as plaintiff_name,
        {{ name_part('tenant_name', 'first') }} as first_name,
        {{ name_part('tenant_name', 'middle') }} as middle_name,
        {{ name_part('tenant_name', 'last') }} as last_name,
        {{ name_part('tenant_name', 'suffix') }} as suffix,
        {{ clean_text('property_street') }} as street_address,
        {{ clean_text('property_unit') }} as unit,
        {{ clean_zip('property_zip') }} as zip,

        -- attributes
        {{ clean_text('claim_type') }} as claim_type_code,
        {{ clean_text('judgment_code') }} as judgment_code,

        -- measures
        {{ clean_integer('party_no') }} as party_number,
        {{ clean_integer('amount_claimed') }} as amount_claimed,

        -- flags
        tenant_name is not null as is_named,

        -- dates
        {{ clean_date('filed_date', 'mm/dd/yyyy') }} as filed_date,
        {{ clean_date('judgment_date', 'mm/dd/yyyy') }} as judgment_date,
        {{ clean_date('writ_issued_date', 'mm/dd/yyyy') }} as writ_issued_date,
        {{ clean_date('writ_executed_date', 'mm/dd/yyyy') }} as writ_executed_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from named

)

select * from renamed
