with

identity_records as (

    select * from {{ ref('identity_record') }}

),

source_persons as (

    select
        -- identifiers
        source_system,
        source_person_key,
        agency,

        -- measures
        cast(count(*) as integer) as n_variants,

        -- flags
        bool_or(is_linkable) as is_linkable,

        -- delivery
        min(first_load_id) as first_load_id,
        max(last_load_id) as last_load_id
    from identity_records
    group by source_system, source_person_key, agency

)

select * from source_persons
