{% macro hmis_speaks(fiscal_year) -%}
    {#- Whether the homelessness system's files of this format ('2026' or '2024') are those of its
        latest export; reads the CTEs exports_2026 and exports_2024. The system delivers in one
        format at a time: after a change of format the files of the older one stay as they were
        last accepted, and must not count twice. -#}
    {%- set newer = "(select coalesce(max(exports_2026._delivery), '') from exports_2026)" -%}
    {%- set older = "(select coalesce(max(exports_2024._delivery), '') from exports_2024)" -%}
    {{ newer }} {{ '>=' if fiscal_year == '2026' else '<' }} {{ older }}
{%- endmacro %}
