with

contacts as (

    select
        *,
        -- the operator ends a reference with two digits of the year of birth
        cast(substring(source_caller_ref from '[A-Z]([0-9]{2})$') as integer) as year_digits,
        cast(extract(year from called_at) as integer) as call_year
    from {{ ref('stg_helpline__contacts') }}

),

-- Two digits are the latest year in which a caller of ten years or more was born: younger
-- children do not call.
born as (

    select
        *,
        make_date(
            call_year - 10 - mod(call_year - 10 - year_digits + 200, 100), 1, 1
        ) as birth_date
    from contacts

),

records as (

    select
        'helpline' as source_system,
        source_caller_ref as source_person_key,
        first_name,
        cast(null as text) as middle_name,
        last_name,
        cast(null as text) as suffix,
        cast(null as text) as maiden_name,
        cast(null as text) as ssn,
        cast(null as text) as ssn_last4,
        cast(null as text) as street_address,
        cast(null as text) as unit,
        zip,
        cast(null as text) as plurality_order,
        cast(null as text) as sex,
        birth_date,
        case when birth_date is not null then 'year' end as birth_date_precision,
        min(load_id) as first_load_id,
        max(load_id) as last_load_id
    from born
    where not is_anonymous
    group by
        source_caller_ref, first_name, last_name, zip, birth_date

)

select * from records
