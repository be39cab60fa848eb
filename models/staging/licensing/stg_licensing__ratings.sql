with

source as (

    select * from {{ source('licensing', 'ratings') }}

),

dated as (

    select
        btrim(provider_id) as source_provider_id,
        {{ clean_integer('rating') }} as stars,
        {{ clean_date('effective_date', 'mm/dd/yyyy') }} as effective_date,
        {{ clean_date('end_date', 'mm/dd/yyyy') }} as delivered_end_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,
        _load_id,
        _delivery,
        _received_at
    from source

),

-- The end of a rating that was replaced is often left open: the next one ends it.
followed as (

    select
        dated.*,
        lead(dated.effective_date) over (
            partition by dated.source_provider_id order by dated.effective_date
        ) as next_effective_date
    from dated

),

renamed as (

    select
        -- identifiers
        source_provider_id,

        -- measures
        stars,

        -- flags
        coalesce(next_effective_date <= coalesce(delivered_end_date, date '9999-12-31'), false)
            as is_end_derived,

        -- dates
        effective_date,
        case
            when next_effective_date <= coalesce(delivered_end_date, date '9999-12-31')
                then next_effective_date - 1
            else delivered_end_date
        end as last_day,
        as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from followed

)

select * from renamed
