{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- The folder's schema name as it stands, without the target's name in front: a reader finds
        `core.person` under every target. LIFECOURSE_SCHEMA_PREFIX lets two builders share one
        database. LIFECOURSE_SCHEMA_SUFFIX builds the schemas that readers use aside, to be renamed
        in one transaction when the gates have passed. -#}
    {%- set name = (custom_schema_name or target.schema) | trim -%}
    {%- set is_released = name in ('core', 'panels') or name.startswith('marts_') -%}
    {{ env_var('LIFECOURSE_SCHEMA_PREFIX', '') }}{{ name }}
    {{- env_var('LIFECOURSE_SCHEMA_SUFFIX', '') if is_released else '' }}
{%- endmacro %}
