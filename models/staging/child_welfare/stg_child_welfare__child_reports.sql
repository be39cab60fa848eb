with

source as (

    select * from {{ source('child_welfare', 'child_file') }}

),

codes as (

    select * from {{ ref('ref_protection_code') }}

),

renamed as (

    select
        -- identifiers
        {{ clean_integer('source.subyr') }} as submission_year,
        btrim(source.rptid) as source_report_id,
        btrim(source.chid) as source_report_child_id,

        -- attributes
        case
            when btrim(source.rptcnty) not in ('998', '999') then btrim(source.rptcnty)
        end as county_code,
        reporters.code as reporter_type,
        dispositions.code as disposition,
        case source.chsex when '1' then 'M' when '2' then 'F' end as sex,

        -- measures
        case
            when {{ clean_integer('source.chage') }} < 77 then {{ clean_integer('source.chage') }}
        end as age_years,

        -- flags
        case
            when btrim(source.rptcnty) = '998' then true
            when btrim(source.rptcnty) <> '999' then false
        end as is_out_of_state,
        coalesce(btrim(source.chage) = '77', false) as is_unborn,
        btrim(source.rptdisp) in ('1', '2', '3')
        or coalesce(btrim(source.mal1lev) in ('1', '2', '3'), false)
        or coalesce(btrim(source.mal2lev) in ('1', '2', '3'), false)
        or coalesce(btrim(source.mal3lev) in ('1', '2', '3'), false)
        or coalesce(btrim(source.mal4lev) in ('1', '2', '3'), false) as is_victim,
        case source.maldeath when '1' then true when '2' then false end as is_fatal,

        -- dates
        {{ clean_date('source.chbdate', 'mmddyyyy', 'birth_date') }} as birth_date,
        {{ clean_date('source.rptdt', 'mmddyyyy') }} as report_date,
        {{ clean_date('source.invdate', 'mmddyyyy') }} as investigation_date,
        {{ clean_date('source.rptdisdt', 'mmddyyyy') }} as disposition_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join codes as reporters
        on btrim(source.rptsrc) = reporters.source_code and reporters.code_set = 'report_source'
    left join codes as dispositions
        on
            btrim(source.rptdisp) = dispositions.source_code
            and dispositions.code_set = 'disposition'

)

select * from renamed
