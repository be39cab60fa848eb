with

absences as (

    select * from {{ ref('stg_k12__staff_absences') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

months as (

    select
        -- identifiers
        crosswalk.person_id,

        -- measures
        cast(sum(absences.days_absent) as numeric(6, 2)) as days_absent,
        cast(count(*) as integer) as n_absences,

        -- dates
        {{ first_of_month('absences.absence_date') }} as month
    from absences
    inner join crosswalk
        on
            absences.source_staff_id = crosswalk.source_person_key
            and crosswalk.source_system = 'k12_staff'
    where absences.absence_date is not null
    group by crosswalk.person_id, {{ first_of_month('absences.absence_date') }}

)

select * from months
