with

source as (

    select * from {{ source('adult_protection', 'investigations') }}

),

codes as (

    select * from {{ ref('ref_protection_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.investigation_id) as source_investigation_id,
        btrim(source.client_id) as source_client_id,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.middle_name') }} as middle_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.suffix') }} as suffix,
        {{ clean_ssn('source.ssn') }} as ssn,
        {{ clean_text('source.street_address') }} as street_address,
        {{ clean_text('source.unit') }} as unit,
        {{ clean_zip('source.zip') }} as zip,

        -- attributes
        types.code as maltreatment,
        dispositions.code as disposition,
        reporters.code as reporter_type,
        {{ clean_text('source.perpetrator') }} as perpetrator_code,
        case when source.sex in ('F', 'M') then source.sex end as sex,
        nullif({{ clean_text('source.race') }}, '9') as race_code,

        -- flags
        source.maltreatment = 'SELF' as is_self_neglect,
        case source.setting when 'FAC' then true when 'OWN' then false end as is_in_facility,

        -- dates
        {{ clean_date('source.birth_date', 'yyyy-mm-dd', 'birth_date') }} as birth_date,
        case
            when {{ clean_date('source.birth_date', 'yyyy-mm-dd', 'birth_date') }} is not null
                then case source.is_dob_estimated when 'Y' then 'year' else 'day' end
        end as birth_date_precision,
        {{ clean_date('source.report_date', 'yyyy-mm-dd') }} as report_date,
        {{ clean_date('source.investigation_date', 'yyyy-mm-dd') }} as investigation_date,
        {{ clean_date('source.closed_date', 'yyyy-mm-dd') }} as closed_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as types
        on btrim(source.maltreatment) = types.source_code and types.code_set = 'adult_maltreatment'
    left join codes as dispositions
        on
            btrim(source.disposition) = dispositions.source_code
            and dispositions.code_set = 'adult_disposition'
    left join codes as reporters
        on
            btrim(source.report_source) = reporters.source_code
            and reporters.code_set = 'adult_report_source'

)

select * from renamed
