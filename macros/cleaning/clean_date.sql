{% macro clean_date_parts(year, month, day) -%}
    {#- A date from three text parts. A part is unknown when it is blank, 99, 9999 or no number.
        Unknown day: the 15th. Unknown month: 1 July. Unknown year: null. So a part that was never
        delivered stands in the middle of its range; date_precision says which part that is.
        A day that its month does not have (31 June) counts as an unknown day. -#}
    case
        when coalesce(btrim({{ year }}), '') !~ '^(1[89]|20)[0-9]{2}$' then cast(null as date)
        when coalesce(btrim({{ month }}), '') !~ '^(0?[1-9]|1[0-2])$'
            then make_date(cast(btrim({{ year }}) as integer), 7, 1)
        when {{ is_real_day(year, month, day) }}
            then make_date(
                cast(btrim({{ year }}) as integer),
                cast(btrim({{ month }}) as integer),
                cast(btrim({{ day }}) as integer)
            )
        else make_date(
            cast(btrim({{ year }}) as integer), cast(btrim({{ month }}) as integer), 15
        )
    end
{%- endmacro %}


{% macro date_precision(year, month, day) -%}
    {#- 'day', 'month' or 'year': the finest part of clean_date_parts that was delivered. -#}
    case
        when coalesce(btrim({{ year }}), '') !~ '^(1[89]|20)[0-9]{2}$' then cast(null as text)
        when coalesce(btrim({{ month }}), '') !~ '^(0?[1-9]|1[0-2])$' then 'year'
        when {{ is_real_day(year, month, day) }} then 'day'
        else 'month'
    end
{%- endmacro %}


{% macro real_days(order, separator, zero='0') -%}
    {#- A pattern, without anchors, of every day of the calendar from 1800 to 2099 and no other text.
        order: 'ymd' or 'mdy'. zero: '0?' where 5 is written for 05. One pattern for all of it,
        because a staging column is cleaned row by row: four patterns and the last day of the month
        by arithmetic took twice as long, and groups that capture half as long again (2026-11-26). -#}
    {%- set year = '(?:1[89]|20)[0-9]{2}' -%}
    {%- set leap_year = '(?:(?:1[89]|20)(?:0[48]|[2468][048]|[13579][26])|2000)' -%}
    {%- set to_28 = '(?:' ~ zero ~ '[1-9]|1[0-9]|2[0-8])' -%}
    {%- set to_30 = '(?:' ~ zero ~ '[1-9]|[12][0-9]|30)' -%}
    {%- set to_31 = '(?:' ~ zero ~ '[1-9]|[12][0-9]|3[01])' -%}
    {%- set forms = [] -%}
    {%- for of_years, months, days in [
        (year, '(?:' ~ zero ~ '[13578]|1[02])', to_31),
        (year, '(?:' ~ zero ~ '[469]|11)', to_30),
        (year, zero ~ '2', to_28),
        (leap_year, zero ~ '2', '29'),
    ] -%}
        {%- set parts = {'y': of_years, 'm': months, 'd': days} -%}
        {%- do forms.append([parts[order[0]], parts[order[1]], parts[order[2]]] | join(separator)) -%}
    {%- endfor -%}
    {{ return('(?:' ~ forms | join('|') ~ ')') }}
{%- endmacro %}


{% macro is_real_day(year, month, day) -%}
    {#- Whether three text parts are a day of the calendar; false where one is missing. No cast can
        fail behind it: the database may not raise on a value that the layout allows and a clerk
        mistyped. -#}
    coalesce(
        (btrim({{ year }}) || '-' || btrim({{ month }}) || '-' || btrim({{ day }}))
        ~ '^{{ real_days("ymd", "-", "0?") }}$',
        false
    )
{%- endmacro %}


{% macro date_parts_of(column, layout) -%}
    {#- The three parts of a date typed in one field, as [year, month, day] expressions. -#}
    {%- if layout == 'yyyy-mm-dd' -%}
        {{ return([
            "substr(" ~ column ~ ", 1, 4)",
            "substr(" ~ column ~ ", 6, 2)",
            "substr(" ~ column ~ ", 9, 2)",
        ]) }}
    {%- elif layout == 'mm/dd/yyyy' -%}
        {{ return([
            "substr(" ~ column ~ ", 7, 4)",
            "substr(" ~ column ~ ", 1, 2)",
            "substr(" ~ column ~ ", 4, 2)",
        ]) }}
    {%- elif layout == 'yyyymmdd' -%}
        {{ return([
            "substr(" ~ column ~ ", 1, 4)",
            "substr(" ~ column ~ ", 5, 2)",
            "substr(" ~ column ~ ", 7, 2)",
        ]) }}
    {%- elif layout == 'mmddyyyy' -%}
        {{ return([
            "substr(" ~ column ~ ", 5, 4)",
            "substr(" ~ column ~ ", 1, 2)",
            "substr(" ~ column ~ ", 3, 2)",
        ]) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error("clean_date knows no layout " ~ layout) }}
    {%- endif -%}
{%- endmacro %}


{% macro clean_date(column, layout, field='date') -%}
    {#- A whole day typed in one field, or null: not a day of the calendar, not in this layout, or a
        sentinel that policy_sentinel lists for the field (values there are written yyyy-mm-dd). -#}
    {%- set shapes = {
        'yyyy-mm-dd': real_days('ymd', '-') ~ '(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?',
        'mm/dd/yyyy': real_days('mdy', '/'),
        'yyyymmdd': real_days('ymd', ''),
        'mmddyyyy': real_days('mdy', ''),
    } -%}
    {%- set parts = date_parts_of(column, layout) -%}
    {%- set written = 'substr(' ~ column ~ ', 1, 10)' if layout == 'yyyy-mm-dd'
        else '(' ~ parts | join(" || '-' || ") ~ ')' -%}
    case
        when {{ column }} ~ '^{{ shapes[layout] }}$'
            and {{ written }} not in (
                select sentinel.value from {{ ref('policy_sentinel') }} as sentinel
                where sentinel.field = '{{ field }}'
            )
            then make_date(
                cast({{ parts[0] }} as integer),
                cast({{ parts[1] }} as integer),
                cast({{ parts[2] }} as integer)
            )
    end
{%- endmacro %}


{% macro clean_month(column, layout='yyyy-mm') -%}
    {#- The first day of a month typed as yyyy-mm or yyyymm, or null. -#}
    {%- set dash = '-' if layout == 'yyyy-mm' else '' -%}
    {%- set position = 5 + dash | length -%}
    case
        when {{ column }} ~ '^(19|20)[0-9]{2}{{ dash }}(0[1-9]|1[0-2])$'
            then make_date(
                cast(substr({{ column }}, 1, 4) as integer),
                cast(substr({{ column }}, {{ position }}, 2) as integer),
                1
            )
    end
{%- endmacro %}


{% macro clean_timestamp(column) -%}
    {#- yyyy-mm-dd hh:mm (or with a T between) to a timestamp without time zone; the county's own
        clock. -#}
    case
        when {{ column }} ~ '^{{ real_days("ymd", "-") }}[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]'
            then cast(substr({{ column }}, 1, 16) as timestamp)
    end
{%- endmacro %}


{% macro delivery_month_end(delivery) -%}
    {#- The last day of the month in which a delivery (yyyy-mm, or yyyy-mm_r1) was handed over. -#}
    cast(
        make_date(
            cast(substr({{ delivery }}, 1, 4) as integer),
            cast(substr({{ delivery }}, 6, 2) as integer),
            1
        ) + interval '1 month' - interval '1 day' as date
    )
{%- endmacro %}


{% macro clean_instant_utc(column) -%}
    {#- yyyy-mm-ddThh:mm:ssZ to a timestamp on the county's own clock (var county_time_zone). -#}
    case
        when {{ column }}
            ~ '^{{ real_days("ymd", "-") }}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$'
            then cast({{ column }} as timestamp with time zone)
                at time zone '{{ var("county_time_zone") }}'
    end
{%- endmacro %}
