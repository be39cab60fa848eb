with

reentry as (

    select * from {{ ref('stg_reentry__enrollments') }}

),

records as (

    select
        'reentry' as source_system,
        source_participant_id as source_person_key,
        encoding,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from reentry
    group by source_participant_id, encoding

)

select * from records
