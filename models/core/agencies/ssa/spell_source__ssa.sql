with

recipients as (

    select * from {{ ref('stg_ssa__ssi_recipients') }}

),

paid_months as (

    select
        source_record_ssn,
        payment_month as month
    from recipients
    where is_paid and payment_month is not null

),

paid_runs as (

    {{ month_spells('paid_months', ['source_record_ssn']) }}

),

ssi_spells as (

    select
        source_record_ssn as source_person_key,
        {{ dbt.concat(['source_record_ssn', "'|'", 'start_date']) }} as source_record_key,
        'ssi' as program_id,
        start_date,
        end_date_excl
    from paid_runs

),

spell_rows as (

    {{ spell_source_rows('ssi_spells', 'ssa') }}

)

select * from spell_rows
