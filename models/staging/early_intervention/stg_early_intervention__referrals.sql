with

source as (

    select * from {{ source('early_intervention', 'referrals') }}

),

codes as (

    select * from {{ ref('ref_early_childhood_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.referral_id) as source_referral_id,
        btrim(source.child_id) as source_child_id,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.middle_name') }} as middle_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.street_address') }} as street_address,
        {{ clean_text('source.unit') }} as unit,
        {{ clean_zip('source.zip') }} as zip,

        -- attributes
        referrers.code as referral_source,
        eligibilities.code as eligibility,
        reasons.code as eligibility_reason,
        exits.code as exit_reason,
        case when source.sex in ('F', 'M') then source.sex end as sex,
        nullif({{ clean_text('source.race') }}, '9') as race_code,

        -- measures
        {{ clean_date('source.evaluation_date', 'mm/dd/yyyy') }}
        - {{ clean_date('source.referral_date', 'mm/dd/yyyy') }} as days_to_evaluation,

        -- dates
        {{ clean_date('source.birth_date', 'mm/dd/yyyy', 'birth_date') }} as birth_date,
        {{ clean_date('source.referral_date', 'mm/dd/yyyy') }} as referral_date,
        {{ clean_date('source.evaluation_date', 'mm/dd/yyyy') }} as evaluation_date,
        {{ clean_date('source.ifsp_date', 'mm/dd/yyyy') }} as plan_date,
        {{ clean_date('source.exit_date', 'mm/dd/yyyy') }} as exit_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as referrers
        on
            btrim(source.referral_source) = referrers.source_code
            and referrers.code_set = 'part_c_source'
    left join codes as eligibilities
        on
            btrim(source.eligibility) = eligibilities.source_code
            and eligibilities.code_set = 'part_c_eligibility'
    left join codes as reasons
        on
            btrim(source.eligibility_reason) = reasons.source_code
            and reasons.code_set = 'part_c_reason'
    left join codes as exits
        on btrim(source.exit_reason) = exits.source_code and exits.code_set = 'part_c_exit'

)

select * from renamed
