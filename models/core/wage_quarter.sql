with

wages as (

    select * from {{ ref('stg_wages__quarterly_wages') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

quarters as (

    select
        -- identifiers
        crosswalk.person_id,

        -- measures
        cast(count(distinct wages.source_employer_id) as integer) as n_employers,
        cast(sum(wages.wages_usd) as integer) as wages_usd,

        -- dates
        wages.quarter_start
    from wages
    inner join crosswalk
        on
            wages.source_worker_id = crosswalk.source_person_key
            and crosswalk.source_system = 'wages'
    where wages.quarter_start is not null
    group by crosswalk.person_id, wages.quarter_start

)

select * from quarters
