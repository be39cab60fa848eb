{% macro month_spells(relation, partition_by, month_column='month', months_per_row=1) -%}
    {#-
        A select: runs of consecutive periods as spells, [first day, day after the last period).
        relation        a CTE with one or more rows a period; month_column is a period's first day
        months_per_row  1 for a monthly file, 3 for a quarterly one
    -#}
    {{ collapse_spells(
        "(select source_rows.*, " ~ month_column ~ " as start_date, "
        ~ add_months(month_column, months_per_row) ~ " as end_date_excl from "
        ~ relation ~ " as source_rows)",
        partition_by
    ) }}
{%- endmacro %}
