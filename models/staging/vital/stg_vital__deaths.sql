with

source as (

    select * from {{ source('vital', 'deaths') }}

),

renamed as (

    select
        -- identifiers
        concat(btrim(fileno), '-', btrim(dod_yr)) as source_death_id,
        {{ clean_text('bcno') }} as birth_file_number,
        {{ clean_text('gname') }} as first_name,
        coalesce({{ clean_text('dmiddle') }}, {{ clean_text('mname') }}) as middle_name,
        {{ clean_text('lname') }} as last_name,
        {{ clean_text('suff') }} as suffix,
        {{ clean_ssn('ssn') }} as ssn,
        {{ clean_text(
            "concat_ws(' ', nullif(btrim(stnum_r), ''), btrim(stname_r), nullif(btrim(stdesig_r), ''))"
        ) }} as street_address,
        {{ clean_text('unitnum_r') }} as unit,
        {{ clean_zip('zip9_r') }} as zip,

        -- attributes
        case when sex in ('F', 'M') then sex end as sex,
        {{ ije_race_code() }} as race_code,
        nullif({{ clean_text('marital') }}, 'U') as marital_status_code,
        {{ clean_text('manner') }} as manner_of_death_code,
        {{ clean_text('acme_uc') }} as underlying_cause_code,

        -- flags
        case
            when concat(dethnic1, dethnic2, dethnic3, dethnic4) like '%H%' then true
            when concat(dethnic1, dethnic2, dethnic3, dethnic4) like '%N%' then false
        end as is_hispanic,

        -- dates
        {{ clean_date_parts('dob_yr', 'dob_mo', 'dob_dy') }} as birth_date,
        {{ date_precision('dob_yr', 'dob_mo', 'dob_dy') }} as birth_date_precision,
        {{ clean_date_parts('dod_yr', 'dod_mo', 'dod_dy') }} as death_date,
        {{ date_precision('dod_yr', 'dod_mo', 'dod_dy') }} as death_date_precision,
        {{ clean_date_parts('dor_yr', 'dor_mo', 'dor_dy') }} as registered_date,
        {{ delivery_month_end('_delivery') }} as as_of_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where void is distinct from '1'

)

select * from renamed
