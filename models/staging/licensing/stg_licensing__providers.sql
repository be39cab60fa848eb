with

source as (

    select * from {{ source('licensing', 'providers') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.provider_id) as source_provider_id,
        {{ clean_text('source.previous_provider_id') }} as previous_source_provider_id,
        nullif({{ clean_text('source.fein') }}, '000000000') as fein,
        {{ clean_text('source.facility_name') }} as facility_name,
        {{ clean_text('source.street') }} as street_address,
        {{ clean_zip('source.zip') }} as zip,
        {{ clean_text('source.county_fips') }} as county_geoid,
        {{ clean_text('source.tract_geoid') }} as tract_geoid,

        -- attributes
        codes.code as facility_type,
        {{ clean_text('source.opens_at') }} as opens_at,
        {{ clean_text('source.closes_at') }} as closes_at,

        -- measures
        {{ clean_integer('source.capacity_infant') }} as capacity_infant,
        {{ clean_integer('source.capacity_toddler') }} as capacity_toddler,
        {{ clean_integer('source.capacity_preschool') }} as capacity_preschool,
        {{ clean_integer('source.capacity_school_age') }} as capacity_school_age,
        {{ clean_integer('source.capacity_total') }} as capacity_total,

        -- flags
        source.status = 'OPEN' as is_open,
        case source.accepts_subsidy when 'Y' then true when 'N' then false end
            as is_accepting_subsidy,

        -- dates
        {{ clean_date('source.license_start', 'mm/dd/yyyy') }} as license_start_date,
        {{ clean_date('source.license_expires', 'mm/dd/yyyy') }} as license_expiry_date,
        {{ clean_date('source.closed_date', 'mm/dd/yyyy') }} as closed_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes
        on btrim(source.facility_type) = codes.source_code and codes.code_set = 'facility_type'

)

select * from renamed
