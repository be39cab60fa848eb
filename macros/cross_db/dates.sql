{#-
    Dates, which engines write differently. dbt's own forms for Spark go through an instant of the
    session's time zone and say that it is two months from January 31 to February 28 (dbt-spark
    1.11), so Spark has forms of its own here.
-#}
{% macro add_days(expression, days) -%}
    {{ adapter.dispatch('add_days', 'lifecourse')(expression, days) }}
{%- endmacro %}


{% macro default__add_days(expression, days) -%}
    cast({{ dbt.dateadd('day', days, expression) }} as date)
{%- endmacro %}


{% macro spark__add_days(expression, days) -%}
    date_add({{ expression }}, cast({{ days }} as int))
{%- endmacro %}


{% macro add_months(expression, months) -%}
    {{ adapter.dispatch('add_months', 'lifecourse')(expression, months) }}
{%- endmacro %}


{% macro default__add_months(expression, months) -%}
    cast({{ dbt.dateadd('month', months, expression) }} as date)
{%- endmacro %}


{% macro spark__add_months(expression, months) -%}
    add_months({{ expression }}, cast({{ months }} as int))
{%- endmacro %}


{% macro days_between(first_date, second_date) -%}
    {{ adapter.dispatch('days_between', 'lifecourse')(first_date, second_date) }}
{%- endmacro %}


{% macro default__days_between(first_date, second_date) -%}
    {{ dbt.datediff(first_date, second_date, 'day') }}
{%- endmacro %}


{% macro spark__days_between(first_date, second_date) -%}
    datediff({{ second_date }}, {{ first_date }})
{%- endmacro %}


{% macro months_between(first_date, second_date) -%}
    {#- Month boundaries crossed; from the first of a birth month, completed months of age. -#}
    {{ adapter.dispatch('months_between', 'lifecourse')(first_date, second_date) }}
{%- endmacro %}


{% macro default__months_between(first_date, second_date) -%}
    cast({{ dbt.datediff(first_date, second_date, 'month') }} as integer)
{%- endmacro %}


{% macro spark__months_between(first_date, second_date) -%}
    (
        (year({{ second_date }}) - year({{ first_date }})) * 12
        + month({{ second_date }}) - month({{ first_date }})
    )
{%- endmacro %}


{% macro first_of_month(expression) -%}
    {{ adapter.dispatch('first_of_month', 'lifecourse')(expression) }}
{%- endmacro %}


{% macro default__first_of_month(expression) -%}
    cast({{ dbt.date_trunc('month', expression) }} as date)
{%- endmacro %}


{% macro spark__first_of_month(expression) -%}
    trunc({{ expression }}, 'month')
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
