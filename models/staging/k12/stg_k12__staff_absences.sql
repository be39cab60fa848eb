with

source as (

    select * from {{ source('k12', 'staff_absences') }}

),

renamed as (

    select
        -- identifiers
        btrim(staff_id) as source_staff_id,

        -- attributes
        {{ clean_text('reason') }} as reason_code,

        -- measures
        {{ clean_decimal('absence_fraction') }} as days_absent,

        -- dates
        {{ clean_date('absence_date', 'yyyy-mm-dd') }} as absence_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
