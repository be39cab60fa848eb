with

source as (

    select * from {{ source('child_care', 'subsidy') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.unique_state_identifier) as source_family_id,
        btrim(source.child_ordinal) as child_ordinal,
        btrim(source.setting_ordinal) as setting_ordinal,
        {{ clean_text('source.provider_state_id') }} as source_provider_id,
        nullif({{ clean_text('source.provider_fein') }}, '000000000') as provider_fein,
        {{ clean_text('source.family_fips') }} as county_geoid,
        {{ clean_zip('source.family_zip') }} as zip,

        -- attributes
        reasons.code as reason_for_care,
        settings.code as type_of_care,
        case source.gender when '1' then 'M' when '2' then 'F' end as sex,
        {{ race_items(
            'source.hispanic', 'source.american_indian', 'source.asian', 'source.black',
            'source.pacific_islander', 'source.white'
        ) }} as race_ethnicity,

        -- measures
        {{ clean_integer('source.hours') }} as hours,
        {{ clean_integer('source.amount_paid') }} as paid_usd,
        {{ clean_integer('source.monthly_copay') }} as family_copay_usd,
        {{ clean_integer('source.monthly_income') }} as family_income_usd,
        {{ clean_integer('source.family_size') }} as family_size,
        {{ clean_integer('source.qris_rating') }} as stars,

        -- flags
        source.type_of_care in ('01', '02', '03', '04') as is_licensed,
        case source.single_parent when '1' then true when '0' then false end as is_single_parent,
        case source.homeless_status when '1' then true when '0' then false end as is_homeless,
        case source.disability when '1' then true when '0' then false end as has_disability,
        case source.income_employment when '1' then true when '0' then false end
            as has_employment_income,
        case source.income_tanf when '1' then true when '0' then false end as has_tanf,
        case source.income_housing when '1' then true when '0' then false end
            as has_housing_assistance,
        case source.income_snap when '1' then true when '0' then false end as has_snap,
        coalesce({{ clean_integer('source.hours') }} = 0, false) as is_zero_hours,

        -- dates
        {{ clean_month('source.reporting_period', 'yyyymm') }} as report_month,
        {{ clean_month('source.assistance_started', 'yyyymm') }} as assistance_start_month,
        {{ clean_date_parts(
            'substr(source.birth_year_month, 1, 4)', 'substr(source.birth_year_month, 5, 2)',
            "'99'"
        ) }} as birth_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as reasons
        on
            btrim(source.reason_for_care) = reasons.source_code
            and reasons.code_set = 'reason_for_care'
    left join codes as settings
        on
            btrim(source.type_of_care) = settings.source_code
            and settings.code_set = 'type_of_care'

)

select * from renamed
