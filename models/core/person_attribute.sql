with

evidence as (

    select * from {{ ref('attribute_evidence') }}

),

persons as (

    select * from {{ ref('person') }}

),

attributes as (

    select
        -- identifiers
        evidence.person_id,

        -- attributes
        evidence.attribute,
        evidence.source_system,
        evidence.value_code,

        -- measures
        evidence.n_records,
        evidence.priority_rank,

        -- flags
        coalesce(
            evidence.value_code = case
                when evidence.attribute = 'sex' then persons.sex else persons.race_ethnicity
            end, false
        ) as is_surviving_value
    from evidence
    inner join persons
        on evidence.person_id = persons.person_id

)

select * from attributes
