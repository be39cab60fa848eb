with

register as (

    select * from {{ ref('stg_benefits__consents') }}

),

crosswalk as (

    select * from {{ ref('person_crosswalk') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

data_end as (

    select max(coverage_end) as data_as_of
    from coverage

),

given as (

    select
        register.source_consent_id,
        crosswalk.person_id,
        register.purpose,
        register.channel,
        register.granted_on,
        register.revoked_on,
        data_end.data_as_of
    from register
    cross join data_end
    inner join crosswalk
        on
            register.source_client_id = crosswalk.source_person_key
            and crosswalk.source_system = 'benefits'
    where register.purpose is not null and register.granted_on is not null

),

consents as (

    select
        -- identifiers
        {{ surrogate_key(["'benefits'", 'source_consent_id']) }} as consent_id,
        person_id,

        -- attributes
        purpose,
        'benefits' as source_system,
        channel,
        case
            when granted_on > data_as_of then 'not yet'
            when revoked_on <= data_as_of then 'revoked'
            else 'active'
        end as status,

        -- dates
        granted_on,
        revoked_on,
        data_as_of
    from given

)

select * from consents
