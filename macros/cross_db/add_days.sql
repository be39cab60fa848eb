{% macro add_days(expression, days) -%}
    cast({{ dbt.dateadd('day', days, expression) }} as date)
{%- endmacro %}


{% macro add_months(expression, months) -%}
    cast({{ dbt.dateadd('month', months, expression) }} as date)
{%- endmacro %}


{% macro days_between(first_date, second_date) -%}
    {{ dbt.datediff(first_date, second_date, 'day') }}
{%- endmacro %}


{% macro months_between(first_date, second_date) -%}
    {#- Month boundaries crossed; from the first of a birth month, completed months of age. -#}
    cast({{ dbt.datediff(first_date, second_date, 'month') }} as integer)
{%- endmacro %}


{% macro first_of_month(expression) -%}
    cast({{ dbt.date_trunc('month', expression) }} as date)
{%- endmacro %}


{% macro earlier_of(first_expression, second_expression) -%}
    {#- Not least(): engines differ on what a null does there. Here the other one wins. -#}
    case
        when {{ second_expression }} is null or {{ first_expression }} <= {{ second_expression }}
            then {{ first_expression }}
        else {{ second_expression }}
    end
{%- endmacro %}


{% macro later_of(first_expression, second_expression) -%}
    case
        when {{ second_expression }} is null or {{ first_expression }} >= {{ second_expression }}
            then {{ first_expression }}
        else {{ second_expression }}
    end
{%- endmacro %}


{% macro midway(first_date, second_date) -%}
    {#- The day half-way between two, the earlier of the two middle ones. -#}
    {{ add_days(
        first_date, 'cast(floor(' ~ days_between(first_date, second_date) ~ ' / 2.0) as integer)'
    ) }}
{%- endmacro %}
