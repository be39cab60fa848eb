with

source as (

    select * from {{ source('tanf_acf', 'adults') }}

),

renamed as (

    select
        -- identifiers
        concat_ws(
            '|',
            coalesce(btrim(case_number), ''),
            coalesce(btrim(ssn), ''),
            coalesce(btrim(date_of_birth), '')
        ) as source_family_member_id,
        btrim(case_number) as source_case_id,
        {{ clean_ssn('ssn') }} as ssn,

        -- attributes
        {{ clean_text('family_affiliation') }} as family_affiliation_code,
        {{ clean_text('relationship_hoh') }} as relation_to_head_code,
        case gender when '1' then 'M' when '2' then 'F' end as sex,
        {{ tanf_race_ethnicity() }} as race_ethnicity,

        -- dates
        {{ clean_date('date_of_birth', 'yyyymmdd', 'birth_date') }} as birth_date,
        {{ clean_month('rpt_month_year', 'yyyymm') }} as report_month,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
