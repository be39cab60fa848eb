{#-
What is this test?
    Every person of benefit_screenings has a consent to be screened that is in force on the day of
    the screening, and every one who has is in it unless dead.
Why it matters
    Benefit records may be used for this with the client's consent alone (7 CFR 272.1(c)).
How to fix
    Look at the first step of benefit_screenings: nothing may join persons to it afterwards.
-#}
with

consents as (

    select distinct person_id
    from {{ ref('consent') }}
    where
        purpose = 'benefit_screening'
        and granted_on <= data_as_of
        and (revoked_on is null or revoked_on > data_as_of)

),

screened as (

    select distinct person_id
    from {{ ref('benefit_screenings') }}

),

living as (

    select person_id
    from {{ ref('person') }}
    where death_date is null

)

select
    screened.person_id,
    'screened without consent' as problem
from screened
left join consents
    on screened.person_id = consents.person_id
where consents.person_id is null
union all
select
    consents.person_id,
    'consent without screening' as problem
from consents
inner join living
    on consents.person_id = living.person_id
left join screened
    on consents.person_id = screened.person_id
where screened.person_id is null
