with

agreements as (

    select * from {{ ref('policy_outreach_agreement') }}

),

risks as (

    select * from {{ ref('child_risks') }}

),

coverage as (

    select * from {{ ref('source_coverage') }}

),

persons as (

    select * from {{ ref('person') }}

),

data_end as (

    select max(coverage_end) as data_as_of
    from coverage

),

children as (

    select
        risks.person_id,
        risks.birth_month,
        count(case when risks.has_risk then 1 end) as n_risks,
        count(case when risks.is_observed then 1 end) as n_risks_observed
    from risks
    inner join persons
        on risks.person_id = persons.person_id
    where persons.death_date is null
    group by risks.person_id, risks.birth_month

),

outreach as (

    select
        -- identifiers
        children.person_id,
        agreements.purpose,
        agreements.agreement_id,

        -- attributes
        agreements.authorised_role,

        -- measures
        cast(children.n_risks as integer) as n_risks,
        cast(children.n_risks_observed as integer) as n_risks_observed,

        -- dates
        agreements.expires_on,
        data_end.data_as_of
    from children
    cross join data_end
    inner join agreements
        on
            children.n_risks >= agreements.min_risks
            and data_end.data_as_of between agreements.valid_from and agreements.expires_on
    where {{ add_months('children.birth_month', 60) }} > data_end.data_as_of

)

select * from outreach
