with

source as (

    select * from {{ source('k12', 'discipline_actions') }}

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
        btrim(source.incident_id) as source_incident_id,
        btrim(coalesce(numbers.current_student_id, source.student_id)) as source_student_id,
        btrim(source.school_id) as source_school_id,

        -- attributes
        {{ clean_text('source.behavior') }} as behavior_code,
        {{ clean_text('source.action') }} as action_code,

        -- measures
        {{ clean_decimal('source.action_duration_days') }} as days_suspended,

        -- dates
        {{ clean_date('source.incident_date', 'yyyy-mm-dd') }} as incident_date,
        {{ clean_date('source.action_start_date', 'yyyy-mm-dd') }} as action_start_date,
        {{ delivery_month_end('source._delivery') }} as as_of_date,

        -- delivery
        source._load_id as load_id,
        source._delivery as delivery,
        source._received_at as received_at

    from source
    left join numbers on source.student_id = numbers.old_student_id

)

select * from renamed
