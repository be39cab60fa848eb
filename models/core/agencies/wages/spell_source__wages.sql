with

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

-- Corrections of an earlier quarter come as zero or negative lines: only a quarter whose lines add
-- up to more than nothing is a quarter worked.
worked_quarters as (

    select
        source_worker_id,
        source_employer_id,
        quarter_start as month
    from wages
    where quarter_start is not null
    group by source_worker_id, source_employer_id, quarter_start
    having sum(wages_usd) > 0

),

wage_runs as (

    {{ month_spells(
        'worked_quarters', ['source_worker_id', 'source_employer_id'], months_per_row=3
    ) }}

),

wage_spells as (

    select
        source_worker_id as source_person_key,
        {{ dbt.concat([
            'source_worker_id', "'|'", "coalesce(source_employer_id, '~')", "'|'", 'start_date'
        ]) }} as source_record_key,
        'employment' as program_id,
        start_date,
        end_date_excl
    from wage_runs

),

spell_rows as (

    {{ spell_source_rows('wage_spells', 'wages') }}

)

select * from spell_rows
