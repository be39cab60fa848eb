{% macro unchanged_mark(content) -%}
    {#- What a relation is made from, in short: its content (the text of a view, the checksum of a
        seed's file) and all that is configured of it. -#}
    {{- return('unchanged since ' ~ local_md5(content ~ tojson(model.config, sort_keys=true))) -}}
{%- endmacro %}


{% macro is_unchanged(relation, mark) -%}
    {#- Whether the relation is still the one that `mark` was put on. A comment holds the mark: it
        is dropped with what it is on, and a build that is undone undoes it too. -#}
    {%- if should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set found = run_query(
        "select coalesce(obj_description(to_regclass('" ~ relation.render() ~ "')), '') = '" ~ mark ~ "'"
    ) -%}
    {{ return(found.rows[0][0]) }}
{%- endmacro %}


{% macro leave_unchanged(relation, what) -%}
    {#- The result of a materialization that had nothing to do. -#}
    {%- call noop_statement('main', 'UNCHANGED', what, 0) -%}
        select 1
    {%- endcall -%}
    {{ return({'relations': [relation]}) }}
{%- endmacro %}


{% macro mark_unchanged(relation, mark) -%}
    {%- call statement('mark') -%}
        comment on {{ relation.type }} {{ relation.render() }} is '{{ mark }}'
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endmacro %}
