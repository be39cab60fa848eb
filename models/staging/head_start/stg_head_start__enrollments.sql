with

source as (

    select * from {{ source('head_start', 'enrollments') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.child_id) as source_child_id,
        btrim(source.center_id) as source_center_id,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.middle_name') }} as middle_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.suffix') }} as suffix,
        {{ clean_text('source.home_street') }} as street_address,
        {{ clean_text('source.home_unit') }} as unit,
        {{ clean_zip('source.home_zip') }} as zip,

        -- attributes
        {{ clean_text('source.center_name') }} as center_name,
        case source.program_type when 'HS' then 'head_start' when 'EHS' then 'early_head_start' end
            as program_type,
        eligibilities.code as eligibility,
        exits.code as exit_reason,
        case when source.sex in ('F', 'M') then source.sex end as sex,
        {{ clean_text('source.race_ethnicity') }} as race_ethnicity_code,

        -- measures
        {{ clean_integer('substr(source.program_year, 1, 4)') }} as program_year,
        {{ clean_integer('source.attendance_days') }} as days_attended,

        -- flags
        case source.has_iep when 'Y' then true when 'N' then false end as has_iep,
        coalesce(source.exit_reason = 'N', false) as is_no_show,

        -- dates
        {{ clean_date('source.birth_date', 'yyyy-mm-dd', 'birth_date') }} as birth_date,
        {{ clean_date('source.entry_date', 'yyyy-mm-dd') }} as entry_date,
        {{ clean_date('source.exit_date', 'yyyy-mm-dd') }} as exit_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as eligibilities
        on
            btrim(source.eligibility) = eligibilities.source_code
            and eligibilities.code_set = 'head_start_eligibility'
    left join codes as exits
        on btrim(source.exit_reason) = exits.source_code and exits.code_set = 'head_start_exit'

)

select * from renamed
