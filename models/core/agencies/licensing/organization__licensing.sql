with

providers as (

    select * from {{ ref('stg_licensing__providers') }}

),

named as (

    select
        source_provider_id as source_organization_id,
        'child_care_provider' as organization_type,
        facility_type as organization_subtype,
        facility_name as organization_name,
        tract_geoid as place_id,
        license_start_date as open_date,
        closed_date as close_date
    from providers

),

organization_rows as (

    {{ organization_rows('named', 'licensing', has=[
        'organization_subtype', 'place_id', 'open_date', 'close_date',
    ]) }}

)

select * from organization_rows
