with

source as (

    select * from {{ source('child_welfare', 'removals') }}

),

codes as (

    select * from {{ ref('ref_protection_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.removal_id) as source_removal_id,
        btrim(source.client_id) as source_client_id,
        {{ clean_text('source.caregiver_client_id') }} as source_caregiver_client_id,

        -- attributes
        agencies.code as responsible_agency,
        manners.code as removal_manner,
        goals.code as case_goal,
        reasons.code as discharge_reason,

        -- measures
        {{ clean_integer('source.removal_number') }} as removal_number,

        -- dates
        {{ clean_date('source.removal_date', 'yyyy-mm-dd') }} as removal_date,
        {{ clean_date('source.removal_entered_date', 'yyyy-mm-dd') }} as removal_entered_date,
        {{ clean_date('source.discharge_date', 'yyyy-mm-dd') }} as discharge_date,
        {{ clean_date('source.discharge_entered_date', 'yyyy-mm-dd') }} as discharge_entered_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as agencies
        on
            btrim(source.responsible_agency) = agencies.source_code
            and agencies.code_set = 'responsible_agency'
    left join codes as manners
        on
            btrim(source.removal_manner) = manners.source_code
            and manners.code_set = 'removal_manner'
    left join codes as goals
        on btrim(source.case_goal) = goals.source_code and goals.code_set = 'case_goal'
    left join codes as reasons
        on
            btrim(source.discharge_reason) = reasons.source_code
            and reasons.code_set = 'discharge_reason'

)

select * from renamed
