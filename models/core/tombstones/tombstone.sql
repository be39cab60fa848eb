with

removed_bookings as (

    select * from {{ ref('stg_jail__removed_bookings') }}

),

removed_arrests as (

    select * from {{ ref('stg_police__removed_arrests') }}

),

removed_charges as (

    select * from {{ ref('stg_courts__removed_charges') }}

),

removed_reports as (

    select * from {{ ref('stg_child_welfare__removed_reports') }}

),

unioned as (

    select
        'jail' as agency,
        'jail_booking' as record_type,
        removed_bookings.*
    from removed_bookings
    union all
    select
        'police' as agency,
        'arrest' as record_type,
        removed_arrests.*
    from removed_arrests
    union all
    select
        'courts' as agency,
        'court_charge' as record_type,
        removed_charges.*
    from removed_charges
    union all
    select
        'child_welfare' as agency,
        'child_protection_report' as record_type,
        removed_reports.*
    from removed_reports
),

-- The key gives the rows of one load an order, hashed so that the order says nothing, and stays
-- behind.
numbered as (

    select
        *,
        row_number() over (
            partition by agency, record_type, removed_by_load_id
            order by {{ surrogate_key(['record_type', 'source_record_key']) }}
        ) as number_in_load
    from unioned

),

tombstones as (

    select
        -- identifiers
        {{ surrogate_key(['agency', 'record_type', 'removed_by_load_id', 'number_in_load']) }}
            as tombstone_id,

        -- attributes
        agency,
        record_type,

        -- delivery
        last_load_id,
        last_delivery,
        removed_by_load_id,
        removed_delivery
    from numbered

)

select * from tombstones
