with

source as (

    select * from {{ source('k12', 'student_id_changes') }}

),

renamed as (

    select
        -- identifiers
        btrim(student_id) as source_student_id,
        btrim(current_student_id) as current_source_student_id,

        -- dates
        {{ clean_date('changed_date', 'yyyy-mm-dd') }} as changed_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
