{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {#- dbt empties a seed's table and fills it again, which fails when a release of the project
        brings a seed with another column. The table is given the columns of the file first; what
        reads a column that is gone is dropped with it and made again later in the build. -#}
    {%- if full_refresh -%}
        {{ return(dbt.default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
    {%- endif -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set wanted = agate_table.column_names -%}
    {%- set present = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list -%}
    {%- set changes = [] -%}
    {%- for column in wanted if column not in present -%}
        {%- do changes.append(
            'add column ' ~ adapter.quote(column) ~ ' '
            ~ types.get(column, adapter.convert_type(agate_table, wanted.index(column)))
        ) -%}
    {%- endfor -%}
    {%- for column in present if column not in wanted -%}
        {%- do changes.append('drop column ' ~ adapter.quote(column) ~ ' cascade') -%}
    {%- endfor -%}
    {%- if changes -%}
        {%- call statement('seed_columns') -%}
            alter table {{ old_relation.render() }} {{ changes | join(', ') }}
        {%- endcall -%}
    {%- endif -%}
    {{ return(dbt.default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro %}
