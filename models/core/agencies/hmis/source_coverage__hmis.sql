with

exports as (

    select * from {{ ref('stg_hmis__exports') }}

),

programs as (

    select * from {{ ref('program') }}

),

-- The export says itself from when to when it tells.
export_window as (

    select
        min(export_start_date) as coverage_start,
        max(export_end_date) as coverage_end
    from exports

),

windows as (

    select
        programs.program_id as subject,
        'export window' as basis,
        export_window.coverage_start,
        export_window.coverage_end
    from programs
    cross join export_window
    where programs.agency = 'hmis'

),

coverage_rows as (

    {{ coverage_rows('windows', 'hmis') }}

)

select * from coverage_rows
