with

homeless_enrollments as (

    select * from {{ ref('stg_hmis__enrollments') }}

),

homeless_exits as (

    select * from {{ ref('stg_hmis__exits') }}

),

projects as (

    select * from {{ ref('stg_hmis__projects') }}

),

project_types as (

    select * from {{ ref('ref_hmis_project_type') }}

),

destinations as (

    select * from {{ ref('ref_hmis_destination') }}

),

services as (

    select * from {{ ref('stg_hmis__services') }}

),

exits_ranked as (

    select
        source_enrollment_id,
        exit_date,
        destination_code,
        row_number() over (
            partition by source_enrollment_id order by exit_date, destination_code
        ) as place_by_date
    from homeless_exits
    where exit_date is not null

),

first_exits as (

    select *
    from exits_ranked
    where place_by_date = 1

),

last_services as (

    select
        source_enrollment_id,
        max(service_date) as last_activity_date
    from services
    where service_date is not null
    group by source_enrollment_id

),

-- The day of exit is not a night in the project; a stay that begins and ends on one day is one day.
homeless_spells as (

    select
        homeless_enrollments.source_client_id as source_person_key,
        homeless_enrollments.source_enrollment_id as source_record_key,
        project_types.program_id,
        {{ organization_key('hmis', 'homeless_enrollments.source_project_id') }}
            as organization_id,
        destinations.destination_std_code as end_reason_std_code,
        homeless_enrollments.entry_date as start_date,
        case
            when first_exits.exit_date <= homeless_enrollments.entry_date
                then {{ add_days('homeless_enrollments.entry_date', 1) }}
            else first_exits.exit_date
        end as end_date_excl,
        last_services.last_activity_date
    from homeless_enrollments
    inner join projects
        on homeless_enrollments.source_project_id = projects.source_project_id
    inner join project_types
        on projects.project_type_code = project_types.project_type_code
    left join first_exits
        on homeless_enrollments.source_enrollment_id = first_exits.source_enrollment_id
    left join last_services
        on homeless_enrollments.source_enrollment_id = last_services.source_enrollment_id
    left join destinations
        on
            first_exits.destination_code
            between destinations.first_code and destinations.last_code
    where homeless_enrollments.entry_date is not null

),

spell_rows as (

    {{ spell_source_rows('homeless_spells', 'hmis', has=[
        'organization_id', 'end_reason_std_code', 'last_activity_date',
    ]) }}

)

select * from spell_rows
