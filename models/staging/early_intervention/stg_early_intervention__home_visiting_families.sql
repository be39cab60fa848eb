with

source as (

    select * from {{ source('early_intervention', 'home_visiting_families') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.enrollment_id) as source_enrollment_id,
        {{ clean_text('source.caregiver_first_name') }} as caregiver_first_name,
        {{ clean_text('source.caregiver_last_name') }} as caregiver_last_name,
        {{ clean_text('source.child_first_name') }} as child_first_name,
        {{ clean_text('source.child_last_name') }} as child_last_name,
        {{ clean_text('source.street_address') }} as street_address,
        {{ clean_text('source.unit') }} as unit,
        {{ clean_zip('source.zip') }} as zip,

        -- attributes
        models.code as home_visiting_model,
        exits.code as exit_reason,
        case when source.child_sex in ('F', 'M') then source.child_sex end as child_sex,

        -- dates
        {{ clean_date('source.caregiver_birth_date', 'mm/dd/yyyy', 'birth_date') }}
            as caregiver_birth_date,
        {{ clean_date('source.child_birth_date', 'mm/dd/yyyy', 'birth_date') }}
            as child_birth_date,
        {{ clean_date('source.enrolled_date', 'mm/dd/yyyy') }} as enrolled_date,
        {{ clean_date('source.exit_date', 'mm/dd/yyyy') }} as exit_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as models
        on btrim(source.model) = models.source_code and models.code_set = 'home_visiting_model'
    left join codes as exits
        on btrim(source.exit_reason) = exits.source_code and exits.code_set = 'home_visiting_exit'

)

select * from renamed
