with

cases as (

    select * from {{ ref('stg_child_support__cases') }}

),

orders as (

    select * from {{ ref('stg_child_support__orders') }}

),

participants as (

    select * from {{ ref('stg_child_support__participants') }}

),

first_orders as (

    select
        source_case_id,
        min(effective_date) as ordered_date
    from orders
    where effective_date is not null
    group by source_case_id

),

-- Support is owed to a child from the first order on, or from its birth; changes of the amount are
-- the same support.
owed as (

    select
        participants.source_member_id as source_person_key,
        {{ dbt.concat(['participants.source_case_id', "'|'", 'participants.source_member_id']) }}
            as source_record_key,
        'child_support' as program_id,
        {{ later_of('first_orders.ordered_date', 'participants.birth_date') }} as start_date,
        cases.closed_date as end_date_excl
    from participants
    inner join cases
        on participants.source_case_id = cases.source_case_id
    inner join first_orders
        on participants.source_case_id = first_orders.source_case_id
    where participants.role_code = 'CH'

),

support_spells as (

    select *
    from owed
    where end_date_excl is null or end_date_excl > start_date

),

spell_rows as (

    {{ spell_source_rows('support_spells', 'child_support') }}

)

select * from spell_rows
