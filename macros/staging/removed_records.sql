{% macro removed_records(agency, table, key_columns) -%}
    {#- The records of a snapshot that an accepted delivery held and a later one no longer holds:
        their key and the loads between which they went. Read from the loads themselves, so it goes
        back as far as loads are kept; as of an earlier load it tells what was gone by then. A record
        that came back is not removed. A snapshot without any row closes nothing.

        Steps after the step `source`, which reads the table as it is now; the last is `removed`.
        agency, table: a delivered table. key_columns: the columns that name its records. -#}
    {%- set history = source(agency, table) -%}
    {%- set key = [] -%}
    {%- for column in key_columns -%}
        {%- do key.append("btrim(" ~ column ~ ")") -%}
        {%- if not loop.last -%}{%- do key.append("'|'") -%}{%- endif -%}
    {%- endfor -%}
    told as (

        select {{ key | join(' || ') }} as source_record_key
        from source

    ),

    held as (

        select
            {{ key | join(' || ') }} as source_record_key,
            loads.load_id,
            loads.delivery,
            dense_rank() over (order by loads.delivery_order, loads.load_id) as load_number
        from {{ history.schema }}.{{ table }} as rows_held
        inner join quality.load as loads
            on rows_held._load_id = loads.load_id
        where
            loads.status = 'accepted'
            and loads.publication <= (select quality.as_of())

    ),

    loads_in_order as (

        select distinct
            load_number,
            load_id,
            delivery
        from held

    ),

    last_held as (

        select
            source_record_key,
            max(load_number) as load_number
        from held
        group by source_record_key

    ),

    removed as (

        select
            -- identifiers
            last_held.source_record_key,

            -- delivery
            last_loads.load_id as last_load_id,
            last_loads.delivery as last_delivery,
            next_loads.load_id as removed_by_load_id,
            next_loads.delivery as removed_delivery
        from last_held
        inner join loads_in_order as last_loads
            on last_held.load_number = last_loads.load_number
        inner join loads_in_order as next_loads
            on last_held.load_number + 1 = next_loads.load_number
        left join told
            on last_held.source_record_key = told.source_record_key
        where told.source_record_key is null

    )
{%- endmacro %}
