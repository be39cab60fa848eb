with

source as (

    select * from {{ source('benefits', 'case_members') }}

),

renamed as (

    select
        -- identifiers
        btrim(client_id) as source_client_id,
        btrim(case_number) as source_case_id,
        lower(btrim(program)) as program_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_initial') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text('street_address') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        {{ clean_text('relation_to_head') }} as relation_to_head_code,
        case sex when '1' then 'M' when '2' then 'F' end as sex,
        {{ clean_text('race') }} as race_code,

        -- measures
        {{ clean_integer('benefit_amount') }} as case_benefit_usd,

        -- flags
        case case_status when 'A' then true when 'S' then false end as is_active,

        -- dates
        {{ clean_date('birth_date', 'mm/dd/yyyy', 'birth_date') }} as birth_date,
        {{ clean_month('report_month') }} as report_month,
        {{ clean_date('issued_date', 'mm/dd/yyyy') }} as issued_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
