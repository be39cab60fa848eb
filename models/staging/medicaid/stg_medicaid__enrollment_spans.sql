with

source as (

    select * from {{ source('medicaid', 'enrollment_spans') }}

),

typed as (

    select
        btrim(msis_id) as source_msis_id,
        {{ clean_text('enrollment_type') }} as enrollment_type_code,
        {{ clean_text('eligibility_group') }} as eligibility_group_code,
        {{ clean_text('change_reason') }} as end_reason_code,
        {{ clean_date('effective_date', 'yyyymmdd') }} as start_date,
        {{ clean_date('end_date', 'yyyymmdd') }} as last_day,
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at
    from source

),

-- A file tells again what is in force; of one span the latest file counts.
latest as (

    select distinct on (source_msis_id, start_date) *
    from typed
    where start_date is not null
    order by
        source_msis_id asc,
        start_date asc,
        delivery desc,
        load_id desc,
        last_day desc nulls first

),

renamed as (

    select
        -- identifiers
        source_msis_id,

        -- attributes
        enrollment_type_code,
        eligibility_group_code,
        end_reason_code,

        -- dates
        start_date,
        last_day,

        -- delivery
        load_id,
        delivery,
        received_at
    from latest

)

select * from renamed
