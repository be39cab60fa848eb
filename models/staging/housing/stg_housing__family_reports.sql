with

source as (

    select * from {{ source('housing', 'family_reports') }}

),

-- A void takes back the report of its household and day; both go.
marked as (

    select
        *,
        bool_or(btrim(action_type) = '15') over (
            partition by household_no, effective_date
        ) as is_voided
    from source

),

renamed as (

    select
        -- identifiers
        btrim(household_no) as source_household_id,
        {{ clean_text('unit_street') }} as street_address,
        {{ clean_text('unit_no') }} as unit,
        {{ clean_zip('unit_zip') }} as zip,

        -- attributes
        {{ clean_text('action_type') }} as action_code,
        {{ clean_text('program_type') }} as housing_program_code,

        -- measures
        {{ clean_integer('bedrooms') }} as n_bedrooms,
        {{ clean_integer('total_tenant_payment') }} as tenant_payment,
        {{ clean_integer('contract_rent') }} as contract_rent,

        -- dates
        {{ clean_date('effective_date', 'mm/dd/yyyy') }} as effective_date,
        {{ clean_date('admission_date', 'mm/dd/yyyy') }} as admission_date,
        {{ clean_date('entered_date', 'mm/dd/yyyy') }} as entered_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from marked
    where not is_voided

)

select * from renamed
