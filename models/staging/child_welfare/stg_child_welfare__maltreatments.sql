with

source as (

    select * from {{ source('child_welfare', 'child_file') }}

),

codes as (

    select * from {{ ref('ref_protection_code') }}

),

-- four pairs of columns to one row each
alleged as (

    select
        subyr,
        rptid,
        chid,
        1 as allegation_number,
        btrim(chmal1) as maltreatment_code,
        btrim(mal1lev) as level_code,
        _load_id,
        _delivery,
        _received_at
    from source
    union all
    select
        subyr,
        rptid,
        chid,
        2 as allegation_number,
        btrim(chmal2) as maltreatment_code,
        btrim(mal2lev) as level_code,
        _load_id,
        _delivery,
        _received_at
    from source
    union all
    select
        subyr,
        rptid,
        chid,
        3 as allegation_number,
        btrim(chmal3) as maltreatment_code,
        btrim(mal3lev) as level_code,
        _load_id,
        _delivery,
        _received_at
    from source
    union all
    select
        subyr,
        rptid,
        chid,
        4 as allegation_number,
        btrim(chmal4) as maltreatment_code,
        btrim(mal4lev) as level_code,
        _load_id,
        _delivery,
        _received_at
    from source

),

renamed as (

    select
        -- identifiers
        {{ clean_integer('alleged.subyr') }} as submission_year,
        btrim(alleged.rptid) as source_report_id,
        btrim(alleged.chid) as source_report_child_id,
        alleged.allegation_number,

        -- attributes
        types.code as maltreatment,
        levels.code as disposition,

        -- flags
        coalesce(alleged.level_code in ('1', '2', '3'), false) as is_found,

        -- delivery
        alleged._load_id as load_id,
        alleged._delivery as delivery,
        alleged._received_at as received_at

    from alleged
    left join codes as types
        on alleged.maltreatment_code = types.source_code and types.code_set = 'maltreatment'
    left join codes as levels
        on alleged.level_code = levels.source_code and levels.code_set = 'disposition'
    where alleged.maltreatment_code <> '' and alleged.maltreatment_code <> '6'

)

select * from renamed
