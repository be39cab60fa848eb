with

source as (

    select * from {{ source('housing', 'family_members') }}

),

-- A void takes back the report of its household and day, and its members with it.
marked as (

    select
        *,
        bool_or(btrim(action_type) = '15') over (
            partition by household_no, effective_date
        ) as is_voided
    from source

),

renamed as (

    select
        -- identifiers
        concat(btrim(household_no), '|', btrim(member_no)) as source_member_id,
        btrim(household_no) as source_household_id,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('middle_initial') }} as middle_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('suffix') }} as suffix,
        {{ clean_ssn('ssn') }} as ssn,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        case when ethnicity = '1' then 'H' else {{ clean_text('race') }} end as race_code,
        {{ clean_text('relation') }} as relation_code,
        {{ clean_text('action_type') }} as action_code,

        -- dates
        {{ clean_date('birth_date', 'mm/dd/yyyy', 'birth_date') }} as birth_date,
        {{ clean_date('effective_date', 'mm/dd/yyyy') }} as effective_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from marked
    where not is_voided

)

select * from renamed
