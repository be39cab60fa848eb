with

source_rows as (

    select * from {{ ref('stg_helpline__contacts') }}

),

helpline_contacts as (

    select
        source_caller_ref as source_person_key,
        source_contact_id as source_record_key,
        'helpline_contact' as event_type,
        need_std_code as value_code,
        cast(called_at as date) as event_date
    from source_rows
    where source_caller_ref is not null and called_at is not null

),

event_rows as (

    {{ event_rows('helpline_contacts', 'helpline', has=['value_code']) }}

)

select * from event_rows
