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

typed_addresses as (

    select
        {{ surrogate_key(['street_address', 'unit', 'zip']) }} as typed_address_id,
        street_address,
        unit,
        zip
    from addresses

),

keys as (

    {{ address_keys('typed_addresses', 'typed_address_id') }}

),

standardised as (

    select
        typed_addresses.typed_address_id,
        typed_addresses.street_address,
        typed_addresses.unit,
        typed_addresses.zip,
        keys.address_key
    from typed_addresses
    inner join keys
        on typed_addresses.typed_address_id = keys.typed_address_id

)

select * from standardised
