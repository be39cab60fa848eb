with

source as (

    select * from {{ source('helpline', 'contacts') }}

),

needs as (

    select * from {{ ref('ref_helpline_need') }}

),

typed as (

    select
        btrim(contact_id) as source_contact_id,
        upper({{ clean_text('client_ref') }}) as source_caller_ref,
        {{ clean_text('caller_name') }} as caller_name,
        {{ clean_text('for_whom') }} as for_whom_code,
        {{ clean_text('need') }} as need_code,
        nullif({{ clean_text('referred_to') }}, 'NONE') as referred_to,
        {{ clean_text('outcome') }} as outcome_code,
        {{ clean_zip('caller_zip') }} as zip,
        substring(caller_age from '[0-9]{1,3}') as age_digits,
        caller_age ~ '^[0-9]{1,3}$' as is_age_exact,
        {{ clean_timestamp('call_dttm') }} as called_at,
        _load_id,
        _delivery,
        _received_at
    from source

),

renamed as (

    select
        -- identifiers
        typed.source_contact_id,
        typed.source_caller_ref,
        split_part(typed.caller_name, ' ', 1) as first_name,
        nullif(substr(typed.caller_name, strpos(typed.caller_name, ' ') + 1), typed.caller_name)
            as last_name,
        typed.zip,

        -- attributes
        typed.for_whom_code,
        needs.need_std_code,
        typed.referred_to,
        typed.outcome_code,

        -- measures
        case
            when cast(typed.age_digits as integer) between 5 and 110
                then cast(typed.age_digits as integer)
        end as age_years,

        -- flags
        typed.source_caller_ref is null as is_anonymous,
        typed.is_age_exact,

        -- dates
        typed.called_at,

        -- delivery
        typed._load_id as load_id,
        typed._delivery as delivery,
        typed._received_at as received_at

    from typed
    left join needs
        on typed.need_code = needs.source_code

)

select * from renamed
