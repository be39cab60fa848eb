with

enrollments as (

    select * from {{ ref('stg_head_start__enrollments') }}

),

-- A child who was enrolled and never came was not in the program.
stays as (

    select
        source_child_id as source_person_key,
        {{ dbt.concat([
            'source_child_id', "'|'", 'source_center_id', "'|'", 'entry_date'
        ]) }} as source_record_key,
        'head_start' as program_id,
        {{ organization_key('head_start', 'source_center_id') }} as organization_id,
        program_type as start_reason_std_code,
        exit_reason as end_reason_std_code,
        entry_date as start_date,
        {{ add_days('exit_date', 1) }} as end_date_excl
    from enrollments
    where
        not is_no_show
        and entry_date is not null
        and (exit_date is null or exit_date >= entry_date)

),

spell_rows as (

    {{ spell_source_rows('stays', 'head_start', has=[
        'organization_id', 'start_reason_std_code', 'end_reason_std_code',
    ]) }}

)

select * from spell_rows
