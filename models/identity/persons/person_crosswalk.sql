with

crosswalk as (

    select * from {{ source('linkage', 'crosswalk') }}

),

open_rows as (

    select
        -- identifiers
        source_system,
        source_person_key,
        person_id,

        -- attributes
        method as link_method,
        rule as link_rule,
        model_version,

        -- measures
        match_weight,

        -- delivery
        valid_from_load
    from crosswalk
    where valid_to_load is null

)

select * from open_rows
