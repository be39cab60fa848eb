{% macro unchanged_mark(content) -%}
    {#- What a relation is made from, in short: its content (the text of a view, the checksum of a
        seed's file) and all that is configured of it. -#}
    {{- return('unchanged since ' ~ local_md5(content ~ tojson(model.config, sort_keys=true))) -}}
{%- endmacro %}


{% macro unchanged_state(relation) -%}
    {#- SQL: what the relation itself is now, in short, so that one which somebody altered by hand is
        made anew. Of a view its definition; of a seed its columns and rows, which are few. -#}
    {%- if relation.type == 'view' -%}
        {{- return("md5(pg_get_viewdef(to_regclass('" ~ relation.render() ~ "')))") -}}
    {%- endif -%}
    {{- return(
        "(select md5(concat_ws(' ', ("
        ~ "select string_agg(a.attname || ' ' || a.atttypid, ',' order by a.attnum) "
        ~ "from pg_attribute as a where a.attrelid = to_regclass('" ~ relation.render() ~ "') "
        ~ "and a.attnum > 0 and not a.attisdropped"
        ~ "), count(*), sum(hash_record_extended(r, 0)))) from " ~ relation.render() ~ " as r)"
    ) -}}
{%- endmacro %}


{% macro is_unchanged(relation, mark) -%}
    {#- Whether the relation still is what `mark` was put on. A comment holds the mark: it is dropped
        with what it is on, and a build that is undone undoes it too. -#}
    {%- if should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set found = run_query(
        "select coalesce(obj_description(to_regclass('" ~ relation.render() ~ "'), 'pg_class') = '"
        ~ mark ~ " ' || " ~ unchanged_state(relation) ~ ", false)"
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
    {%- set state = run_query("select " ~ unchanged_state(relation)).rows[0][0] -%}
    {%- call statement('mark') -%}
        comment on {{ relation.type }} {{ relation.render() }} is '{{ mark }} {{ state }}'
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endmacro %}
