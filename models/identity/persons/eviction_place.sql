with

evictions as (

    select * from {{ ref('stg_courts__evictions') }}

),

address_points as (

    select * from {{ ref('stg_gis__address_points') }}

),

-- Grouped by the key itself first, so that each is made once: making it is the dear part.
points as (

    select
        {{ address_key('street_address', 'unit', 'zip') }} as address_key,
        min(tract_geoid) as first_tract_geoid,
        max(tract_geoid) as last_tract_geoid
    from address_points
    where tract_geoid is not null
    group by {{ address_key('street_address', 'unit', 'zip') }}

),

-- The building is enough: a filing is placed in a tract.
buildings as (

    select
        split_part(address_key, '|', 1) as street,
        split_part(address_key, '|', 3) as zip,
        min(first_tract_geoid) as tract_geoid
    from points
    group by split_part(address_key, '|', 1), split_part(address_key, '|', 3)
    having min(first_tract_geoid) = max(last_tract_geoid)

),

filings as (

    select
        source_filing_id,
        min({{ address_key('street_address', 'unit', 'zip') }}) as address_key,
        max(claim_type_code) as claim_type_code,
        max(judgment_code) as judgment_code,
        count(*) as n_defendants,
        max(amount_claimed) as amount_claimed,
        min(filed_date) as filed_date,
        max(judgment_date) as judgment_date,
        max(writ_executed_date) as writ_executed_date
    from evictions
    group by source_filing_id

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
