with

spans as (

    select * from {{ ref('stg_medicaid__enrollment_spans') }}

),

eligibles as (

    select * from {{ ref('stg_medicaid__eligibles') }}

),

end_reasons as (

    select * from {{ ref('ref_end_reason_map') }}

),

-- A newborn stands on the mother's id for the first weeks: group 06 on the id of somebody older
-- than a year. The own id brings the same days from the day of birth on.
own_spans as (

    select
        spans.source_msis_id,
        spans.end_reason_code,
        spans.start_date,
        {{ add_days('spans.last_day', 1) }} as end_date_excl
    from spans
    left join eligibles
        on spans.source_msis_id = eligibles.source_msis_id
    where
        (spans.last_day is null or spans.last_day >= spans.start_date)
        and not (
            spans.eligibility_group_code = '06'
            and coalesce({{ days_between('eligibles.birth_date', 'spans.start_date') }}, 0) > 366
        )

),

medicaid_spells as (

    select
        own_spans.source_msis_id as source_person_key,
        {{ dbt.concat(['own_spans.source_msis_id', "'|'", 'own_spans.start_date']) }}
            as source_record_key,
        'medicaid' as program_id,
        end_reasons.end_reason_std_code,
        own_spans.start_date,
        own_spans.end_date_excl
    from own_spans
    left join end_reasons
        on
            own_spans.end_reason_code = end_reasons.source_code
            and end_reasons.source_system = 'medicaid'

),

spell_rows as (

    {{ spell_source_rows('medicaid_spells', 'medicaid', has=['end_reason_std_code']) }}

)

select * from spell_rows
