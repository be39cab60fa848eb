with

county_jail as (

    select
        'county' as source_organization_id,
        'jail' as program_id,
        'jail' as organization_type,
        'county jail' as organization_subtype,
        'County jail' as organization_name

),

organization_rows as (

    {{ organization_rows('county_jail', 'jail', has=['program_id', 'organization_subtype']) }}

)

select * from organization_rows
