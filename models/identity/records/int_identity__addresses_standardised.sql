with

records as (

    select * from {{ ref('int_identity__records_unioned') }}

),

addresses as (

    select distinct
        street_address,
        unit,
        zip
    from records
    where street_address is not null and zip is not null

),

standardised as (

    select
        {{ surrogate_key(['street_address', 'unit', 'zip']) }} as typed_address_id,
        street_address,
        unit,
        zip,
        {{ address_key('street_address', 'unit', 'zip') }} as address_key
    from addresses

)

select * from standardised
