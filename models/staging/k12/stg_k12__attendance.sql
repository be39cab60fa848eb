with

source as (

    select * from {{ source('k12', 'attendance') }}

),

renamed as (

    select
        -- identifiers
        btrim(student_id) as source_student_id,
        btrim(school_id) as source_school_id,

        -- measures
        {{ clean_decimal('days_enrolled') }} as days_enrolled,
        {{ clean_decimal('days_present') }} as days_present,
        {{ clean_decimal('days_absent_excused') }} as days_absent_excused,
        {{ clean_decimal('days_absent_unexcused') }} as days_absent_unexcused,
        {{ clean_decimal('days_suspended') }} as days_suspended,

        -- dates
        {{ clean_month('report_month') }} as report_month,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
