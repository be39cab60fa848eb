{% macro published_count(count_expression) -%}
    {#- A count of persons as it may leave the house, by the policy_disclosure row that the query
        joins as `disclosure`: null below the minimum count, else rounded to the base. Totals are
        rounded on their own too: a table with true totals gives back most of the cells that were
        taken out of it, by subtraction. -#}
    case
        when {{ count_expression }} >= disclosure.minimum_count
            then cast(
                round(cast({{ count_expression }} as numeric) / disclosure.rounding_base)
                * disclosure.rounding_base as integer
            )
    end
{%- endmacro %}
