with

births as (

    select * from {{ ref('stg_vital__births') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

children as (

    select
        births.source_birth_id,
        births.birth_date,
        births.is_paternity_acknowledged,
        births.is_mother_married,
        crosswalk.person_id
    from births
    inner join crosswalk
        on
            births.source_birth_id = crosswalk.source_person_key
            and crosswalk.source_system = 'vital_child'

),

parents as (

    select
        source_person_key,
        person_id,
        case source_system when 'vital_mother' then 'mother' else 'father' end
            as relationship_type
    from crosswalk
    where source_system in ('vital_mother', 'vital_father')

),

pairs as (

    select
        children.person_id,
        parents.person_id as related_person_id,
        parents.relationship_type,
        case
            when parents.relationship_type = 'mother' then 'certified'
            when children.is_mother_married then 'presumed by marriage'
            when children.is_paternity_acknowledged then 'acknowledged'
            else 'named'
        end as basis,
        {{ first_of_month('children.birth_date') }} as start_month
    from children
    inner join parents
        on children.source_birth_id = parents.source_person_key
    where children.person_id <> parents.person_id

),

relationships as (

    select
        -- identifiers
        person_id,
        related_person_id,

        -- attributes
        relationship_type,
        min(basis) as basis,

        -- dates
        min(start_month) as start_month
    from pairs
    group by person_id, related_person_id, relationship_type

)

select * from relationships
