with

fiscal_2026 as (

    select * from {{ source('hmis', 'enrollment') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'enrollment') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        enrollment_id,
        personal_id,
        project_id,
        household_id,
        relationship_to_hoh,
        living_situation,
        disabling_condition,
        entry_date,
        move_in_date,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        enrollment_id,
        personal_id,
        project_id,
        household_id,
        relationship_to_hoh,
        living_situation,
        disabling_condition,
        entry_date,
        move_in_date,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2024
    where {{ hmis_speaks('2024') }}

),

renamed as (

    select
        -- identifiers
        btrim(enrollment_id) as source_enrollment_id,
        btrim(personal_id) as source_client_id,
        btrim(project_id) as source_project_id,
        {{ clean_text('household_id') }} as source_household_id,

        -- attributes
        nullif({{ clean_text('relationship_to_hoh') }}, '99') as relation_to_head_code,
        nullif({{ clean_text('living_situation') }}, '99') as prior_living_situation_code,

        -- flags
        case disabling_condition when '1' then true when '0' then false end
            as has_disabling_condition,

        -- dates
        {{ clean_date('entry_date', 'yyyy-mm-dd') }} as entry_date,
        {{ clean_date('move_in_date', 'yyyy-mm-dd') }} as move_in_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where {{ clean_text('date_deleted') }} is null

)

select * from renamed
