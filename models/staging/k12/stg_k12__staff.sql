with

source as (

    select * from {{ source('k12', 'staff') }}

),

renamed as (

    select
        -- identifiers
        btrim(staff_id) as source_staff_id,
        btrim(school_id) as source_school_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn_last4('ssn_last4') }} as ssn_last4,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        {{ clean_text('position') }} as position_code,

        -- dates
        {{ clean_date('birth_date', 'yyyy-mm-dd', 'birth_date') }} as birth_date,
        {{ clean_date('hire_date', 'yyyy-mm-dd') }} as hire_date,
        {{ clean_date('exit_date', 'yyyy-mm-dd') }} as exit_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
