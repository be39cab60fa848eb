{% macro censor_at_coverage(end_column, coverage_end_column) -%}
    {#- Where a spell stops being seen, half-open: its end, or the day after the last day that its
        source covered when it is open or says it ends later. Never today: nobody looked today. -#}
    case
        when {{ end_column }} is null or {{ end_column }} > {{ add_days(coverage_end_column, 1) }}
            then {{ add_days(coverage_end_column, 1) }}
        else {{ end_column }}
    end
{%- endmacro %}


{% macro last_day(end_column) -%}
    {#- The inclusive last day of a half-open end; the only form readers see. -#}
    {{ add_days(end_column, -1) }}
{%- endmacro %}
