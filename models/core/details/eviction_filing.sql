with

placed as (

    select * from {{ ref('eviction_place') }}

),

filings as (

    select
        -- identifiers
        eviction_filing_id,
        tract_geoid as place_id,

        -- attributes
        claim_type_code,
        judgment_code,

        -- measures
        n_defendants,
        amount_claimed,

        -- flags
        coalesce(judgment_code in ('PP', 'DF'), false) as is_possession_granted,
        writ_executed_date is not null as is_executed,

        -- dates
        filed_date,
        judgment_date,
        writ_executed_date
    from placed

)

select * from filings
