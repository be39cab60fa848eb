with

births as (

    select * from {{ ref('stg_vital__births') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

demographics as (

    select * from {{ ref('person_demographic') }}

),

case_stays as (

    select * from {{ ref('household_case_stay') }}

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
    where births.birth_date is not null

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

parent_pairs as (

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
        {{ first_of_month('children.birth_date') }} as start_date
    from children
    inner join parents
        on children.source_birth_id = parents.source_person_key
    where children.person_id <> parents.person_id

),

-- One mother may stand on two records of one child; the earliest statement counts.
parent_links as (

    select
        person_id,
        related_person_id,
        relationship_type,
        min(basis) as basis,
        min(start_date) as start_date
    from parent_pairs
    group by person_id, related_person_id, relationship_type

),

-- Siblings share a mother, or a father alone; from the birth of the younger on.
siblings as (

    select
        one.person_id,
        other.person_id as related_person_id,
        'sibling' as relationship_type,
        case
            when max(one.relationship_type) = 'mother' then 'shared mother'
            else 'shared father'
        end as basis,
        max({{ later_of('one.start_date', 'other.start_date') }}) as start_date
    from parent_links as one
    inner join parent_links as other
        on
            one.related_person_id = other.related_person_id
            and one.relationship_type = other.relationship_type
            and one.person_id <> other.person_id
    group by one.person_id, other.person_id

),

lasting as (

    select * from parent_links
    union all
    select * from siblings

),

-- A bond of birth ends with the first of two deaths.
lasting_spells as (

    select
        lasting.person_id,
        lasting.related_person_id,
        lasting.relationship_type,
        lasting.basis,
        'high' as confidence,
        lasting.start_date,
        {{ earlier_of('own.death_date', 'related.death_date') }} as last_day
    from lasting
    left join demographics as own
        on lasting.person_id = own.person_id
    left join demographics as related
        on lasting.related_person_id = related.person_id

),

heads as (

    select *
    from case_stays
    where role = 'head'

),

-- Who heads the case of a child looks after it while both are in the case, whoever the parents
-- are.
case_pairs as (

    select
        members.person_id,
        heads.person_id as related_person_id,
        {{ later_of('members.start_date', 'heads.start_date') }} as start_date,
        {{ add_days(earlier_of('members.last_observed_day', 'heads.last_observed_day'), 1) }}
            as end_date_excl
    from case_stays as members
    inner join heads
        on
            members.household_id = heads.household_id
            and members.person_id <> heads.person_id
            and members.start_date <= heads.last_observed_day
            and members.last_observed_day >= heads.start_date
    where members.role = 'child'

),

case_spells as (

    {{ collapse_spells('case_pairs', ['person_id', 'related_person_id']) }}

),

unioned as (

    select
        person_id,
        related_person_id,
        relationship_type,
        basis,
        confidence,
        start_date,
        last_day
    from lasting_spells
    union all
    select
        person_id,
        related_person_id,
        'caregiver' as relationship_type,
        'head of the case' as basis,
        'medium' as confidence,
        start_date,
        {{ last_day('end_date_excl') }} as last_day
    from case_spells

),

relationships as (

    select
        -- identifiers
        person_id,
        related_person_id,

        -- attributes
        relationship_type,
        basis,
        confidence,

        -- dates
        start_date,
        case when last_day < start_date then start_date else last_day end as last_day
    from unioned

)

select * from relationships
