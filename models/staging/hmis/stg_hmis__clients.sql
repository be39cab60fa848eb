with

fiscal_2026 as (

    select * from {{ source('hmis', 'client') }}

),

fiscal_2024 as (

    select * from {{ source('hmis_2024', 'client') }}

),

exports_2026 as (

    select * from {{ source('hmis', 'export') }}

),

exports_2024 as (

    select * from {{ source('hmis_2024', 'export') }}

),

source as (

    select
        personal_id,
        first_name,
        middle_name,
        last_name,
        name_suffix,
        name_data_quality,
        ssn,
        ssn_data_quality,
        dob,
        dob_data_quality,
        sex,
        am_ind_ak_native,
        asian,
        black_af_american,
        hispanic_latinao,
        mid_east_n_african,
        native_hi_pacific,
        white,
        veteran_status,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2026
    where {{ hmis_speaks('2026') }}
    union all
    select
        personal_id,
        first_name,
        middle_name,
        last_name,
        name_suffix,
        name_data_quality,
        ssn,
        ssn_data_quality,
        dob,
        dob_data_quality,
        -- a gender is taken for the sex when it is one of the two and no other
        case concat(
            woman, man, non_binary, culturally_specific, transgender, questioning,
            different_identity
        )
            when '1000000' then '0'
            when '0100000' then '1'
        end as sex,
        am_ind_ak_native,
        asian,
        black_af_american,
        hispanic_latinaeo as hispanic_latinao,
        mid_east_n_african,
        native_hi_pacific,
        white,
        veteran_status,
        date_deleted,
        _load_id,
        _delivery,
        _received_at
    from fiscal_2024
    where {{ hmis_speaks('2024') }}

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
