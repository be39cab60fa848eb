{#-
What is this test?
    Every person that a source knows has a person_id, and every link leads to a known source person.
Why it matters
    A source person without a link is missing from every count, and nothing else would say so.
How to fix
    Linkage did not see the latest identity records: run it again after tag:before_linkage. A link
    to an unknown source person is left from a retracted record: linkage must close its row.
-#}
{{ config(group='identity', meta={'dagster': {'ref': {'name': 'person_crosswalk'}}}) }}

with

source_persons as (

    select * from {{ ref('source_person') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

not_linked as (

    select
        source_persons.source_system,
        'not linked' as problem
    from source_persons
    left join crosswalk
        on
            source_persons.source_system = crosswalk.source_system
            and source_persons.source_person_key = crosswalk.source_person_key
    where crosswalk.person_id is null

),

not_known as (

    select
        crosswalk.source_system,
        'not known' as problem
    from crosswalk
    left join source_persons
        on
            crosswalk.source_system = source_persons.source_system
            and crosswalk.source_person_key = source_persons.source_person_key
    where source_persons.source_system is null

),

problems as (

    select * from not_linked
    union all
    select * from not_known

)

select * from problems
