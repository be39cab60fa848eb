with

source as (

    select * from {{ source('food_bank', 'visits') }}

),

typed as (

    select
        btrim(client_no) as source_client_id,
        {{ clean_text('client_name') }} as client_name,
        {{ clean_text('birth') }} as birth,
        {{ clean_text('site') }} as site,
        {{ clean_zip('zip') }} as zip,
        {{ clean_integer('household_size') }} as household_size,
        {{ clean_decimal('pounds') }} as pounds,
        {{ clean_date('visit_date', 'yyyy-mm-dd') }} as visit_date,
        _load_id,
        _delivery,
        _received_at
    from source

),

-- A cell that lost its date format is a number of days since 30 December 1899.
dated as (

    select
        *,
        case
            when birth ~ '^[0-9]{5}$'
                then cast(date '1899-12-30' + cast(birth as integer) as text)
            when birth ~ '^(19|20)[0-9]{2}$' then birth || '-99-99'
            else birth
        end as birth_text
    from typed

),

renamed as (

    select
        -- identifiers
        source_client_id,
        case
            when client_name like '%,%' then btrim(split_part(client_name, ',', 2))
            else split_part(client_name, ' ', 1)
        end as first_name,
        case
            when client_name like '%,%' then btrim(split_part(client_name, ',', 1))
            when client_name like '% %'
                then substr(client_name, strpos(client_name, ' ') + 1)
        end as last_name,
        zip,

        -- attributes
        site,

        -- measures
        household_size,
        pounds,

        -- dates
        {{ clean_date_parts(
            "substr(birth_text, 1, 4)", "substr(birth_text, 6, 2)", "substr(birth_text, 9, 2)"
        ) }} as birth_date,
        {{ date_precision(
            "substr(birth_text, 1, 4)", "substr(birth_text, 6, 2)", "substr(birth_text, 9, 2)"
        ) }} as birth_date_precision,
        visit_date,

        -- delivery
        _load_id as load_id,
        _delivery as delivery,
        _received_at as received_at

    from dated

)

select * from renamed
