with

source as (

    select * from {{ source('child_care', 'family_members') }}

),

renamed as (

    select
        -- identifiers
        btrim(unique_state_identifier) as source_family_id,
        btrim(member_ordinal) as member_ordinal,
        concat_ws(
            '|',
            btrim(unique_state_identifier),
            coalesce(btrim(birth_year_month), ''),
            coalesce(btrim(first_name), '')
        ) as source_member_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_initial') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_text('street_address') }} as street_address,
        {{ clean_text('unit') }} as unit,
        {{ clean_zip('zip') }} as zip,

        -- attributes
        case member_role when 'A' then 'applicant' when 'C' then 'child' end as member_role,
        case sex when '1' then 'M' when '2' then 'F' end as sex,

        -- dates
        {{ clean_month('report_month') }} as report_month,
        {{ clean_date_parts(
            'substr(birth_year_month, 1, 4)', 'substr(birth_year_month, 5, 2)', "'99'"
        ) }} as birth_date,
        {{ date_precision(
            'substr(birth_year_month, 1, 4)', 'substr(birth_year_month, 5, 2)', "'99'"
        ) }} as birth_date_precision,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
