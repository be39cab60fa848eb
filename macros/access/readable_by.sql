{% macro readable_by(role) -%}
    {#- What lets one role, and nobody else, read the table just built. The role is a group that
        nobody logs in as: who is in it is decided by grants that no build touches. Grants go with a
        table when its schema is renamed, so a release carries them. On other engines: nothing. -#}
    {% if target.type == 'postgres' and model.config.materialized == 'table' -%}
    do $$
    begin
        -- models of one schema are built at a time, and two grants on it would collide
        perform pg_advisory_xact_lock(hashtext('lifecourse access'));
        if not exists (select from pg_roles where rolname = '{{ role }}') then
            create role {{ role }} nologin;
        end if;
        if not has_schema_privilege('{{ role }}', '{{ this.schema }}', 'usage') then
            grant usage on schema {{ this.schema }} to {{ role }};
        end if;
        grant select on {{ this }} to {{ role }};
    end
    $$
    {%- endif %}
{%- endmacro %}
