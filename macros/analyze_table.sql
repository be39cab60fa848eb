{% macro analyze_table() -%}
    {#- Statistics for a table that the next models join. Without them the planner took three equal
        columns for one row and walked every pair: 30 s for a join that takes one. -#}
    {% if target.type == 'postgres' and model.config.materialized != 'view' -%}
        analyze {{ this }}
    {%- endif %}
{%- endmacro %}
