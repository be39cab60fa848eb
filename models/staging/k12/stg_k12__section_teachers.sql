with

source as (

    select * from {{ source('k12', 'sections') }}

),

renamed as (

    select
        -- identifiers
        btrim(section_id) as source_section_id,
        btrim(staff_id) as source_staff_id,
        btrim(school_id) as source_school_id,

        -- attributes
        {{ clean_text('subject') }} as subject_code,
        {{ clean_text('grade_level') }} as grade_level,

        -- measures
        {{ clean_integer('school_year') }} as school_year,

        -- dates
        {{ clean_date('assignment_start_date', 'yyyy-mm-dd') }} as assignment_start_date,
        {{ clean_date('assignment_end_date', 'yyyy-mm-dd') }} as assignment_end_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
