with

source as (

    select * from {{ source('wages', 'quarterly_wages') }}

),

renamed as (

    select
        -- identifiers
        _load_id as load_id,
        _row_number as line_number,
        concat_ws(
            '|',
            coalesce(btrim(ssn), ''),
            coalesce(btrim(first_name), ''),
            coalesce(btrim(middle_initial), ''),
            coalesce(btrim(last_name), '')
        ) as source_worker_id,
        {{ clean_text('employer_account_no') }} as source_employer_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_initial') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_ssn('ssn') }} as ssn,

        -- measures
        {{ clean_integer('wage') }} as wages_usd,

        -- dates
        case
            when btrim(year) ~ '^(19|20)[0-9]{2}$' and btrim(quarter) ~ '^[1-4]$'
                then make_date(
                    cast(btrim(year) as integer), cast(btrim(quarter) as integer) * 3 - 2, 1
                )
        end as quarter_start,

        -- delivery
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
