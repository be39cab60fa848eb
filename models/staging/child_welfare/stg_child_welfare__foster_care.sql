with

source as (

    select * from {{ source('child_welfare', 'foster_care') }}

),

codes as (

    select * from {{ ref('ref_protection_code') }}

),

renamed as (

    select
        -- identifiers
        btrim(source.recnumbr) as source_foster_child_id,

        -- attributes
        settings.code as placement_setting,
        goals.code as case_goal,
        reasons.code as discharge_reason,
        case source.sex when '1' then 'M' when '2' then 'F' end as sex,

        -- measures
        cast(extract(
            year from {{ clean_month('source.repdat', 'yyyymm') }} + interval '3 months'
        ) as integer) as submission_year,
        {{ clean_integer('source.totalrem') }} as n_removals,
        {{ clean_integer('source.numplep') }} as n_placements,

        -- flags
        source.phyabuse = '1' as is_removed_for_physical_abuse,
        source.neglect = '1' as is_removed_for_neglect,
        source.daparent = '1' as is_removed_for_parental_drug_abuse,

        -- dates
        {{ clean_month('source.repdat', 'yyyymm') }} as report_month,
        {{ clean_date('source.dob', 'yyyymmdd', 'birth_date') }} as birth_date,
        {{ clean_date('source.rem1dt', 'yyyymmdd') }} as first_removal_date,
        {{ clean_date('source.dlstfcdt', 'yyyymmdd') }} as previous_discharge_date,
        {{ clean_date('source.latremdt', 'yyyymmdd') }} as removal_date,
        {{ clean_date('source.remtrndt', 'yyyymmdd') }} as removal_entered_date,
        {{ clean_date('source.cursetdt', 'yyyymmdd') }} as placement_date,
        {{ clean_date('source.dodfcdt', 'yyyymmdd') }} as discharge_date,
        {{ clean_date('source.dodtrndt', 'yyyymmdd') }} as discharge_entered_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as settings
        on
            btrim(source.curplset) = settings.source_code
            and settings.code_set = 'placement_setting'
    left join codes as goals
        on btrim(source.casegoal) = goals.source_code and goals.code_set = 'case_goal'
    left join codes as reasons
        on
            btrim(source.disreasn) = reasons.source_code
            and reasons.code_set = 'discharge_reason'

)

select * from renamed
