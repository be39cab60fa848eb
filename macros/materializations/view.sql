{% materialization view, adapter='postgres' %}
    {#- dbt's own, unless the view stands as this text made it: making one anew is nine statements,
        and a hundred staging views that had not changed took 9 s of a build (2026-11-26). -#}
    {%- set relation = this.incorporate(type='view') -%}
    {%- set mark = unchanged_mark(sql) -%}
    {%- if load_cached_relation(this) is not none and is_unchanged(relation, mark) -%}
        {{ return(leave_unchanged(relation, 'VIEW')) }}
    {%- endif -%}
    {%- set made = dbt.materialization_view_default() -%}
    {%- do mark_unchanged(relation, mark) -%}
    {{ return(made) }}
{% endmaterialization %}
