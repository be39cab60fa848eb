with

source as (

    select * from {{ source('k12', 'enrollments') }}

),

renamed as (

    select
        -- identifiers
        btrim(student_id) as source_student_id,
        btrim(school_id) as source_school_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_text('home_street') }} as street_address,
        {{ clean_text('home_unit') }} as unit,
        {{ clean_zip('home_zip') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        {{ clean_text('race_ethnicity') }} as race_ethnicity_code,
        {{ clean_text('grade_level') }} as grade_level,
        {{ clean_text('entry_type') }} as entry_type_code,
        {{ clean_text('exit_type') }} as exit_type_code,

        -- measures
        {{ clean_integer('school_year') }} as school_year,

        -- flags
        coalesce(btrim(exit_date) = btrim(entry_date), false) as is_one_day,

        -- dates
        {{ clean_date('birth_date', 'yyyy-mm-dd', 'birth_date') }} as birth_date,
        {{ clean_date('entry_date', 'yyyy-mm-dd') }} as entry_date,
        {{ clean_date('exit_date', 'yyyy-mm-dd') }} as exit_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
