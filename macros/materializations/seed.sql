{% materialization seed, adapter='postgres' %}
    {#- dbt's own, unless the table stands as this file filled it. Of a file of more than a megabyte
        dbt knows the path alone, so it is filled every time. -#}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set mark = unchanged_mark(model.checksum.checksum) -%}
    {%- if model.checksum.name != 'path'
        and not invocation_args_dict.get('show')
        and load_cached_relation(this) is not none
        and is_unchanged(relation, mark) -%}
        {%- do store_raw_result('agate_table') -%}
        {{ return(leave_unchanged(relation, 'SEED')) }}
    {%- endif -%}
    {%- set made = dbt.materialization_seed_default() -%}
    {%- do mark_unchanged(relation, mark) -%}
    {{ return(made) }}
{% endmaterialization %}
