with

source as (

    select * from {{ source('hmis', 'client') }}

),

renamed as (

    select
        -- identifiers
        btrim(personal_id) as source_client_id,
        case when name_data_quality in ('1', '2') then {{ clean_text('first_name') }} end
            as first_name,
        {{ clean_text('middle_name') }} as middle_name,
        case when name_data_quality in ('1', '2') then {{ clean_text('last_name') }} end
            as last_name,
        {{ clean_text('name_suffix') }} as suffix,
        case when ssn_data_quality = '1' then {{ clean_ssn('ssn') }} end as ssn,
        case
            when ssn_data_quality in ('1', '2') then {{ clean_ssn_last4('right(btrim(ssn), 4)') }}
        end as ssn_last4,

        -- attributes
        case sex when '0' then 'F' when '1' then 'M' end as sex,
        case
            when hispanic_latinao = '1' then 'hispanic'
            when
                length(replace(concat(
                    am_ind_ak_native, asian, black_af_american,
                    mid_east_n_african, native_hi_pacific, white
                ), '1', '')) < length(concat(
                    am_ind_ak_native, asian, black_af_american,
                    mid_east_n_african, native_hi_pacific, white
                )) - 1
                then 'multiple'
            when am_ind_ak_native = '1' then 'american_indian'
            when asian = '1' then 'asian'
            when black_af_american = '1' then 'black'
            when mid_east_n_african = '1' then 'middle_eastern'
            when native_hi_pacific = '1' then 'pacific_islander'
            when white = '1' then 'white'
        end as race_ethnicity,

        -- flags
        case veteran_status when '1' then true when '0' then false end as is_veteran,

        -- dates
        case
            when dob_data_quality in ('1', '2')
                then {{ clean_date('dob', 'yyyy-mm-dd', 'birth_date') }}
        end as birth_date,
        case dob_data_quality when '1' then 'day' when '2' then 'year' end
            as birth_date_precision,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from source
    where {{ clean_text('date_deleted') }} is null

)

select * from renamed
