with

source as (

    select * from {{ source('police', 'arrests') }}

),

renamed as (

    select
        -- identifiers
        btrim(arrest_transaction_no) as source_arrest_id,
        btrim(incident_no) as source_incident_id,
        btrim(mni_no) as source_person_index_id,
        {{ clean_text('ori') }} as originating_agency_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_text('street') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        case when ethnicity = 'H' then 'H' else nullif({{ clean_text('race') }}, 'U') end
            as race_code,
        {{ clean_text('type_of_arrest') }} as arrest_type_code,
        {{ clean_text('ucr_arrest_offense_code') }} as offense_code,

        -- measures
        nullif({{ clean_integer('age') }}, 0) as age_years,

        -- flags
        case resident_status when 'R' then true when 'N' then false end as is_resident,

        -- dates
        {{ clean_date('birth_date', 'yyyymmdd', 'birth_date') }} as birth_date,
        {{ clean_date('arrest_date', 'yyyymmdd') }} as arrest_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
