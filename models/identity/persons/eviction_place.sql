with

evictions as (

    select * from {{ ref('stg_courts__evictions') }}

),

address_points as (

    select * from {{ ref('int_identity__address_points_standardised') }}

),

-- The building is enough: a filing is placed in a tract.
buildings as (

    select
        split_part(address_key, '|', 1) as street,
        split_part(address_key, '|', 3) as zip,
        min(tract_geoid) as tract_geoid
    from address_points
    where tract_geoid is not null
    group by split_part(address_key, '|', 1), split_part(address_key, '|', 3)
    having min(tract_geoid) = max(tract_geoid)

),

keys as (

    {{ address_keys('evictions', 'source_defendant_id') }}

),

filings as (

    select
        evictions.source_filing_id,
        min(keys.address_key) as address_key,
        max(evictions.claim_type_code) as claim_type_code,
        max(evictions.judgment_code) as judgment_code,
        count(*) as n_defendants,
        max(evictions.amount_claimed) as amount_claimed,
        min(evictions.filed_date) as filed_date,
        max(evictions.judgment_date) as judgment_date,
        max(evictions.writ_executed_date) as writ_executed_date
    from evictions
    inner join keys
        on evictions.source_defendant_id = keys.source_defendant_id
    group by evictions.source_filing_id

),

placed as (

    select
        -- identifiers
        {{ surrogate_key(["'courts'", 'filings.source_filing_id']) }} as eviction_filing_id,
        buildings.tract_geoid,

        -- attributes
        filings.claim_type_code,
        filings.judgment_code,

        -- measures
        cast(filings.n_defendants as integer) as n_defendants,
        filings.amount_claimed,

        -- dates
        filings.filed_date,
        filings.judgment_date,
        filings.writ_executed_date
    from filings
    left join buildings
        on
            split_part(filings.address_key, '|', 1) = buildings.street
            and split_part(filings.address_key, '|', 3) = buildings.zip
    where filings.filed_date is not null

)

select * from placed
