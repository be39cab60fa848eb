{% macro join_by_hashing() -%}
    {#- Before a model that joins staging. The columns of staging are expressions over text, of
        which PostgreSQL has no statistics: it takes a join of two of them for one row and walks
        every pair. attendance_period of 2,000 persons took more than three minutes so, and one
        second by hashing (2026-11-25). A join that only walking can do is still walked. -#}
    {% if target.type == 'postgres' %}set local enable_nestloop = off{% endif %}
{%- endmacro %}
