{#-
    The time of two relations of half-open spells as sets of days: union, intersection, difference.
    Each is a select of partition_by, start_date, end_date_excl and what collapse_spells adds; the
    spells that come out are disjoint and as long as they can be. Spells of one relation may overlap
    each other: a day counts once.
-#}
{% macro union_spells(left_relation, right_relation, partition_by) -%}
    {{ collapse_spells(spells_of_both(left_relation, right_relation, partition_by), partition_by) }}
{%- endmacro %}


{% macro intersect_spells(left_relation, right_relation, partition_by) -%}
    {{ collapse_spells(
        days_where(left_relation, right_relation, partition_by, 'n_left > 0 and n_right > 0'),
        partition_by
    ) }}
{%- endmacro %}


{% macro subtract_spells(left_relation, right_relation, partition_by) -%}
    {{ collapse_spells(
        days_where(left_relation, right_relation, partition_by, 'n_left > 0 and n_right = 0'),
        partition_by
    ) }}
{%- endmacro %}


{% macro spells_of_both(left_relation, right_relation, partition_by) -%}
    {%- set keys = partition_by | join(', ') -%}
    (
        select {{ keys }}, start_date, end_date_excl, 1 as is_left from {{ left_relation }} as spells
        union all
        select {{ keys }}, start_date, end_date_excl, 0 as is_left from {{ right_relation }} as spells
    )
{%- endmacro %}


{% macro days_where(left_relation, right_relation, partition_by, condition) -%}
    (
        select * from (
            {{ combine_spells(
                spells_of_both(left_relation, right_relation, partition_by), partition_by,
                {'n_left': 'is_left = 1', 'n_right': 'is_left = 0'}
            ) }}
        ) as combined
        where {{ condition }}
    )
{%- endmacro %}
