with

consents as (

    select * from {{ ref('consent') }}

),

persons as (

    select * from {{ ref('person') }}

),

households as (

    select * from {{ ref('household_month') }}

),

wages as (

    select * from {{ ref('wage_quarter') }}

),

spells as (

    select * from {{ ref('spell') }}

),

coverage as (

    select * from {{ ref('program_coverage') }}

),

rules as (

    select * from {{ ref('policy_screening_rule') }}

),

screening_policy as (

    select * from {{ ref('policy_screening') }}

),

guidelines as (

    select * from {{ ref('ref_poverty_guideline') }}

),

-- Everything starts from the consents in force: who has none is screened in no later step.
consenting as (

    select
        consents.person_id,
        consents.data_as_of,
        min(consents.granted_on) as consented_on
    from consents
    inner join screening_policy
        on consents.purpose = screening_policy.purpose
    where consents.status = 'active'
    group by consents.person_id, consents.data_as_of

),

-- The last quarter whose wages are all in.
wage_end as (

    select max(wages.quarter_start) as quarter_start
    from wages
    inner join coverage
        on
            coverage.program_id = 'employment'
            and {{ add_days('coverage.coverage_end', 1) }}
            >= {{ add_months('wages.quarter_start', 3) }}

),

latest_households as (

    select
        consenting.person_id,
        consenting.data_as_of,
        households.household_id,
        households.n_persons,
        households.month,
        row_number() over (
            partition by consenting.person_id order by households.month desc
        ) as place_from_end
    from consenting
    cross join screening_policy
    inner join households
        on consenting.person_id = households.person_id
    where
        households.month <= consenting.data_as_of
        and {{ add_months('households.month', 'screening_policy.max_household_age_months') }}
        > consenting.data_as_of

),

-- Of a member at working age who did not consent nothing is read, and the income is unknown.
members as (

    select
        latest_households.person_id,
        latest_households.household_id,
        latest_households.n_persons,
        households.person_id as member_person_id,
        case
            when member_consents.person_id is not null then 0
            when
                {{ months_between('persons.birth_month', 'latest_households.data_as_of') }}
                < screening_policy.working_age_months
                then 0
            else 1
        end as is_unasked
    from latest_households
    cross join screening_policy
    inner join households
        on
            latest_households.household_id = households.household_id
            and latest_households.month = households.month
    inner join persons
        on households.person_id = persons.person_id
    left join consenting as member_consents
        on households.person_id = member_consents.person_id
    where latest_households.place_from_end = 1

),

incomes as (

    select
        members.person_id,
        max(members.n_persons) as n_persons,
        max(members.is_unasked) as n_unasked,
        wage_end.quarter_start,
        4 * coalesce(
            sum(case when members.is_unasked = 0 then wages.wages_usd end), 0
        ) as annual_wages_usd
    from members
    cross join wage_end
    left join wages
        on
            members.member_person_id = wages.person_id
            and wage_end.quarter_start = wages.quarter_start
    group by members.person_id, wage_end.quarter_start

),

guideline_by_year as (

    select
        first_person_usd,
        each_further_person_usd,
        row_number() over (order by guideline_year desc) as year_from_end
    from guidelines

),

guideline as (

    select
        first_person_usd,
        each_further_person_usd
    from guideline_by_year
    where year_from_end = 1

),

facts as (

    select
        consenting.person_id,
        consenting.data_as_of,
        consenting.consented_on,
        {{ months_between('persons.birth_month', 'consenting.data_as_of') }} as age_months,
        incomes.n_persons,
        case
            when incomes.n_unasked > 0 then null
            when
                {{ add_months(
                    'incomes.quarter_start', '3 + screening_policy.max_income_age_months'
                ) }} <= consenting.data_as_of
                then null
            else 100.0 * incomes.annual_wages_usd / (
                guideline.first_person_usd
                + (incomes.n_persons - 1) * guideline.each_further_person_usd
            )
        end as income_percent
    from consenting
    cross join screening_policy
    cross join guideline
    inner join persons
        on consenting.person_id = persons.person_id
    left join incomes
        on consenting.person_id = incomes.person_id
    where persons.death_date is null

),

covered as (

    select
        facts.person_id,
        coverage.program_id
    from facts
    inner join coverage
        on
            facts.data_as_of >= coverage.coverage_start
            and facts.data_as_of <= coverage.coverage_end

),

enrolled as (

    select distinct
        facts.person_id,
        spells.program_id
    from facts
    inner join spells
        on
            facts.person_id = spells.person_id
            and facts.data_as_of >= spells.start_date
            and facts.data_as_of <= spells.last_observed_day

),

judged as (

    select
        facts.person_id,
        facts.data_as_of,
        facts.consented_on,
        facts.n_persons,
        rules.program_id,
        rules.pathway,
        rules.criterion,
        rules.rule_version,
        case
            when rules.criterion = 'age_months' and rules.operator = 'at_least'
                then facts.age_months >= rules.limit_value
            when rules.criterion = 'age_months' and rules.operator = 'below'
                then facts.age_months < rules.limit_value
            when rules.criterion = 'income_percent_of_poverty' and rules.operator = 'at_most'
                then facts.income_percent <= rules.limit_value
            when rules.criterion = 'in_program' and enrolled.person_id is not null then true
            when rules.criterion = 'in_program' and covered.person_id is not null then false
        end as is_met
    from facts
    cross join rules
    left join enrolled
        on facts.person_id = enrolled.person_id and rules.evidence_program_id = enrolled.program_id
    left join covered
        on facts.person_id = covered.person_id and rules.evidence_program_id = covered.program_id

),

-- Within a pathway all criteria must hold: one that fails decides, whatever is not known.
pathways as (

    select
        person_id,
        program_id,
        pathway,
        max(case when is_met then 0 when is_met is null then 0 else 1 end) as is_failed,
        max(case when is_met is null then 1 else 0 end) as is_open,
        max(case when is_met is null and criterion = 'age_months' then 1 else 0 end)
            as is_age_missing,
        max(case
            when is_met is null and criterion = 'income_percent_of_poverty' then 1 else 0
        end) as is_income_missing,
        max(case when is_met is null and criterion = 'in_program' then 1 else 0 end)
            as is_program_missing
    from judged
    group by person_id, program_id, pathway

),

-- One pathway that is met is enough; what is missing counts only where it could still decide.
programs as (

    select
        person_id,
        program_id,
        max(case when is_failed = 0 and is_open = 0 then 1 else 0 end) as is_met,
        max(case when is_failed = 0 and is_open = 1 then 1 else 0 end) as is_open,
        min(case when is_failed = 0 and is_open = 0 then pathway end) as met_pathway,
        max(case when is_failed = 0 then is_age_missing else 0 end) as is_age_missing,
        max(case when is_failed = 0 then is_income_missing else 0 end) as is_income_missing,
        max(case when is_failed = 0 then is_program_missing else 0 end) as is_program_missing
    from pathways
    group by person_id, program_id

),

versions as (

    select
        program_id,
        max(rule_version) as rule_version
    from rules
    group by program_id

),

screenings as (

    select
        -- identifiers
        programs.person_id,
        programs.program_id,

        -- attributes
        case
            when programs.is_met = 1 then 'potentially eligible'
            when programs.is_open = 1 then 'not known'
            else 'not by these rules'
        end as outcome,
        programs.met_pathway,
        versions.rule_version,

        -- measures
        facts.n_persons as n_household_persons,

        -- flags
        case
            when programs.is_met = 1 then true
            when programs.is_open = 0 then false
        end as is_potentially_eligible,
        case
            when enrolled.person_id is not null then true
            when covered.person_id is not null then false
        end as is_enrolled,
        programs.is_met = 0 and programs.is_age_missing = 1 as is_age_missing,
        programs.is_met = 0 and programs.is_income_missing = 1 as is_income_missing,
        programs.is_met = 0 and programs.is_program_missing = 1 as is_program_missing,

        -- dates
        facts.consented_on,
        facts.data_as_of as screened_as_of
    from programs
    inner join facts
        on programs.person_id = facts.person_id
    inner join versions
        on programs.program_id = versions.program_id
    left join enrolled
        on programs.person_id = enrolled.person_id and programs.program_id = enrolled.program_id
    left join covered
        on programs.person_id = covered.person_id and programs.program_id = covered.program_id

)

select * from screenings
