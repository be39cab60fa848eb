{% macro ssn_digits(column) -%}
    replace(replace(btrim({{ column }}), '-', ''), ' ', '')
{%- endmacro %}


{% macro clean_ssn(column) -%}
    {#- Nine digits that the Social Security Administration can have issued to one person:
        area not 000, 666 or 900-999, group not 00, serial not 0000, not one digit nine times,
        and not in policy_ssn_placeholder. Anything else is null. -#}
    case
        when {{ ssn_digits(column) }} ~ '^(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}$'
            and {{ ssn_digits(column) }} !~ '^([0-9])\1{8}$'
            and {{ ssn_digits(column) }} not in (
                select placeholder.ssn from {{ ref('policy_ssn_placeholder') }} as placeholder
            )
            then {{ ssn_digits(column) }}
    end
{%- endmacro %}


{% macro clean_ssn_last4(column) -%}
    case
        when btrim({{ column }}) ~ '^[0-9]{4}$' and btrim({{ column }}) <> '0000'
            then btrim({{ column }})
    end
{%- endmacro %}
