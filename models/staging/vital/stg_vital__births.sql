with

source as (

    select * from {{ source('vital', 'births') }}

),

renamed as (

    select
        -- identifiers
        concat(btrim(fileno), '-', btrim(idob_yr)) as source_birth_id,
        {{ clean_text('kidfname') }} as child_first_name,
        {{ clean_text('kidmname') }} as child_middle_name,
        {{ clean_text('kidlname') }} as child_last_name,
        {{ clean_text('kidsufx') }} as child_suffix,
        {{ clean_text('momfname') }} as mother_first_name,
        {{ clean_text('mommname') }} as mother_middle_name,
        {{ clean_text('momlname') }} as mother_last_name,
        {{ clean_text('mommaidn') }} as mother_maiden_name,
        {{ clean_ssn('mom_ssn') }} as mother_ssn,
        {{ clean_text('dadfname') }} as father_first_name,
        {{ clean_text('dadmname') }} as father_middle_name,
        {{ clean_text('dadlname') }} as father_last_name,
        {{ clean_ssn('dad_ssn') }} as father_ssn,
        {{ clean_text("concat_ws(' ', nullif(btrim(stnum), ''), btrim(stname))") }}
            as street_address,
        {{ clean_text('unitnum') }} as unit,
        {{ clean_zip('zipcode') }} as zip,

        -- attributes
        case when isex in ('F', 'M') then isex end as sex,
        {{ clean_text('sord') }} as birth_order,
        {{ clean_text('mrace') }} as mother_race_code,
        nullif({{ clean_text('meduc') }}, '9') as mother_education_code,
        nullif({{ clean_text('pay') }}, '9') as payer_code,

        -- measures
        nullif({{ clean_integer('plur') }}, 99) as plurality,
        nullif({{ clean_integer('owgest') }}, 99) as gestation_weeks,
        nullif({{ clean_integer('bwg') }}, 9999) as birth_weight_grams,
        nullif({{ clean_integer('nprev') }}, 99) as prenatal_visits,

        -- flags
        case marn when 'Y' then true when 'N' then false end as is_mother_married,
        case ackn when 'Y' then true when 'N' then false end as is_paternity_acknowledged,
        case wic when 'Y' then true when 'N' then false end as has_wic_during_pregnancy,

        -- dates
        {{ clean_date_parts('idob_yr', 'idob_mo', 'idob_dy') }} as birth_date,
        {{ date_precision('idob_yr', 'idob_mo', 'idob_dy') }} as birth_date_precision,
        {{ clean_date_parts('mdob_yr', 'mdob_mo', 'mdob_dy') }} as mother_birth_date,
        {{ date_precision('mdob_yr', 'mdob_mo', 'mdob_dy') }} as mother_birth_date_precision,
        {{ clean_date_parts('fdob_yr', 'fdob_mo', 'fdob_dy') }} as father_birth_date,
        {{ date_precision('fdob_yr', 'fdob_mo', 'fdob_dy') }} as father_birth_date_precision,
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
