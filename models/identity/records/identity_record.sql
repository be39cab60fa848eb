with

records as (

    select * from {{ ref('int_identity__records_unioned') }}

),

addresses as (

    select * from {{ ref('int_identity__addresses_standardised') }}

),

encoded_records as (

    select * from {{ ref('int_identity__encoded_records') }}

),

source_systems as (

    select * from {{ ref('ref_source_system') }}

),

cleaned as (

    select
        records.source_system,
        records.source_person_key,
        source_systems.agency,
        {{ clean_name('records.first_name') }} as first_name,
        {{ clean_name('records.middle_name') }} as middle_name,
        {{ clean_name('records.last_name') }} as last_name,
        {{ clean_name('records.suffix') }} as suffix,
        {{ clean_name('records.maiden_name') }} as maiden_name,
        records.ssn,
        coalesce(right(records.ssn, 4), records.ssn_last4) as ssn_last4,
        addresses.address_key,
        records.zip,
        records.plurality_order,
        records.sex,
        records.birth_date,
        records.birth_date_precision,
        records.first_load_id,
        records.last_load_id
    from records
    inner join source_systems
        on records.source_system = source_systems.source_system
    left join addresses
        on
            {{ surrogate_key(['records.street_address', 'records.unit', 'records.zip']) }}
            = addresses.typed_address_id

),

without_sentinels as (

    select
        source_system,
        source_person_key,
        agency,
        {{ null_sentinels('first_name', 'name') }} as first_name,
        {{ null_sentinels('middle_name', 'name') }} as middle_name,
        {{ null_sentinels('last_name', 'name') }} as last_name,
        suffix,
        {{ null_sentinels('maiden_name', 'name') }} as maiden_name,
        ssn,
        ssn_last4,
        address_key,
        zip,
        plurality_order,
        sex,
        birth_date,
        birth_date_precision,
        first_load_id,
        last_load_id
    from cleaned

),

variants as (

    select
        -- identifiers
        {{ surrogate_key([
            'source_system', 'source_person_key', 'first_name', 'middle_name', 'last_name',
            'suffix', 'maiden_name', 'birth_date', 'birth_date_precision', 'ssn', 'ssn_last4',
            'sex', 'address_key', 'zip', 'plurality_order'
        ]) }} as identity_record_id,
        source_system,
        source_person_key,
        agency,
        first_name,
        middle_name,
        last_name,
        suffix,
        maiden_name,
        birth_date,
        birth_date_precision,
        ssn,
        ssn_last4,
        sex,
        address_key,
        zip,
        plurality_order,
        cast(null as text) as encoding,

        -- flags
        (
            (first_name is not null or last_name is not null)
            and (birth_date is not null or ssn is not null or ssn_last4 is not null)
        )
        -- where the name is rare, both names and a place are enough
        or (
            first_name is not null
            and last_name is not null
            and (address_key is not null or zip is not null)
        ) as is_linkable,

        -- delivery
        min(first_load_id) as first_load_id,
        max(last_load_id) as last_load_id
    from without_sentinels
    group by
        source_system, source_person_key, agency, first_name, middle_name, last_name, suffix,
        maiden_name, birth_date, birth_date_precision, ssn, ssn_last4, sex, address_key, zip,
        plurality_order

),

-- Persons whose source shares encodings only: nothing else is known of them.
encoded_variants as (

    select
        {{ surrogate_key([
            'encoded_records.source_system', 'encoded_records.source_person_key',
            'encoded_records.encoding'
        ]) }} as identity_record_id,
        encoded_records.source_system,
        encoded_records.source_person_key,
        source_systems.agency,
        cast(null as text) as first_name,
        cast(null as text) as middle_name,
        cast(null as text) as last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        cast(null as date) as birth_date,
        cast(null as text) as birth_date_precision,
        cast(null as text) as ssn,
        cast(null as text) as ssn_last4,
        cast(null as text) as sex,
        cast(null as text) as address_key,
        cast(null as text) as zip,
        cast(null as text) as plurality_order,
        encoded_records.encoding,
        false as is_linkable,
        encoded_records.first_load_id,
        encoded_records.last_load_id
    from encoded_records
    inner join source_systems
        on encoded_records.source_system = source_systems.source_system

),

all_variants as (

    select * from variants
    union all
    select * from encoded_variants

)

select * from all_variants
