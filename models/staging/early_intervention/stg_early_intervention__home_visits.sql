with

source as (

    select * from {{ source('early_intervention', 'home_visits') }}

),

renamed as (

    select
        -- identifiers
        btrim(visit_id) as source_visit_id,
        btrim(enrollment_id) as source_enrollment_id,

        -- measures
        {{ clean_integer('minutes') }} as minutes,

        -- flags
        status = 'C' as is_completed,
        mode = 'V' as is_by_video,

        -- dates
        {{ clean_date('visit_date', 'mm/dd/yyyy') }} as visit_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source

)

select * from renamed
