with

source as (

    select * from {{ source('k12', 'rosters') }}

),

changes as (

    select * from {{ source('k12', 'student_id_changes') }}

),

numbers as (

    select
        student_id as old_student_id,
        current_student_id
    from changes

),

renamed as (

    select
        -- identifiers
        btrim(source.section_id) as source_section_id,
        btrim(coalesce(numbers.current_student_id, source.student_id)) as source_student_id,

        -- dates
        {{ clean_date('source.count_date', 'yyyy-mm-dd') }} as count_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join numbers on source.student_id = numbers.old_student_id

)

select * from renamed
