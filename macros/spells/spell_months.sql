{% macro spell_months(relation, start_column='start_date', end_column='end_date_excl') -%}
    {#-
        A select: one row a spell and calendar month it touches, with the days of the month inside
        the spell and whether the month's last day is inside.
        relation  a CTE of half-open spells; every column is kept. Months come from ref_month, so
                  a spell outside its range yields no row.

        Both bounds are on month_start, so that PostgreSQL takes the few months of a spell from its
        index; bounds on two columns made it compare every spell with every month.
    -#}
    select
        spells.*,
        months.month_start as month,
        {{ days_between(
            later_of('spells.' ~ start_column, 'months.month_start'),
            earlier_of('spells.' ~ end_column, 'months.next_month_start')
        ) }} as days_active,
        spells.{{ end_column }} >= months.next_month_start as is_active_on_last_day
    from {{ relation }} as spells
    inner join {{ ref('ref_month') }} as months
        on
            months.month_start >= {{ first_of_month('spells.' ~ start_column) }}
            and months.month_start < spells.{{ end_column }}
{%- endmacro %}
