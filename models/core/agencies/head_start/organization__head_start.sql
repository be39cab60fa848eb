with

enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

centers as (

    select
        source_center_id as source_organization_id,
        'head_start' as program_id,
        'head_start_center' as organization_type,
        max(center_name) as organization_name
    from enrollments
    where source_center_id is not null
    group by source_center_id

),

organization_rows as (

    {{ organization_rows('centers', 'head_start', has=['program_id']) }}

)

select * from organization_rows
