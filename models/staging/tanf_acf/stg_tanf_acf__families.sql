with

source as (

    select * from {{ source('tanf_acf', 'families') }}

),

renamed as (

    select
        -- identifiers
        btrim(case_number) as source_case_id,

        -- attributes
        {{ clean_text('county_fips_code') }} as county_fips_code,
        {{ clean_zip('zip_code') }} as zip,
        {{ clean_text('family_type') }} as family_type_code,

        -- measures
        {{ clean_integer('nbr_family_members') }} as family_size,
        {{ clean_integer('cash_amount') }} as case_benefit_usd,

        -- flags
        case receives_food_stamps when '1' then true when '2' then false end as has_snap,

        -- dates
        {{ clean_month('rpt_month_year', 'yyyymm') }} as report_month,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
