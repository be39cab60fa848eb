{% macro clean_text(column) -%}
    nullif(btrim({{ column }}), '')
{%- endmacro %}


{% macro null_sentinels(expression, field) -%}
    {#- The value, or null where policy_sentinel lists it for this field. -#}
    case
        when {{ expression }} not in (
            select sentinel.value from {{ ref('policy_sentinel') }} as sentinel
            where sentinel.field = '{{ field }}'
        )
            then {{ expression }}
    end
{%- endmacro %}


{% macro clean_integer(column) -%}
    case when btrim({{ column }}) ~ '^-?0*[0-9]{1,9}$' then cast(btrim({{ column }}) as integer) end
{%- endmacro %}


{% macro clean_decimal(column) -%}
    case
        when btrim({{ column }}) ~ '^-?0*[0-9]{1,9}([.][0-9]{1,4})?$'
            then cast(btrim({{ column }}) as numeric)
    end
{%- endmacro %}
