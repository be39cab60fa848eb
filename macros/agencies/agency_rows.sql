{#-
    What one agency adds to a table of core that many agencies fill.

    A part is an ephemeral model models/core/agencies/<agency>/<table>__<agency>.sql whose last step
    is one of the *_rows macros below, and one line in the list of models/core/<table>.sql. The macro
    writes the columns of the table in its order and with its types, and puts the person in the place
    of the agency's own key, so no key of an agency leaves identity. Columns a part must have:

    spell_source_rows   source_person_key, source_record_key (one row each in its program),
                        program_id, start_date, end_date_excl (null while open)
    event_rows          source_person_key, source_record_key (one row each in its event type),
                        event_type, event_date
    organization_rows   source_organization_id, organization_type, organization_name
    coverage_rows       subject (a program_id, or what else the file tells of), basis,
                        coverage_start, coverage_end
    period_rows         the same table, for files that come by the month or quarter: subject and
                        month (the first day of the period), one or more rows a period

    Columns it may have stand in agency_row_options() below; a part names those it has in `has`, the
    others are null.
-#}
{% macro agency_row_options(table) -%}
    {%- do return({
        'spell_source': {
            'organization_id': dbt.type_string(),
            'parent_program_id': dbt.type_string(),
            'parent_record_key': dbt.type_string(),
            'start_reason_std_code': dbt.type_string(),
            'end_reason_std_code': dbt.type_string(),
            'last_activity_date': 'date',
        },
        'event': {
            'program_id': dbt.type_string(),
            'organization_id': dbt.type_string(),
            'date_precision': dbt.type_string(),
            'value_code': dbt.type_string(),
            'value_unit': dbt.type_string(),
            'value_number': 'numeric(14, 4)',
        },
        'organization': {
            'program_id': dbt.type_string(),
            'organization_subtype': dbt.type_string(),
            'parent_name': dbt.type_string(),
            'place_id': dbt.type_string(),
            'open_date': 'date',
            'close_date': 'date',
        },
        'source_coverage': {
            'n_periods': dbt.type_int(),
        },
    }[table]) -%}
{%- endmacro %}


{% macro agency_value(table, column, has) -%}
    {%- set options = agency_row_options(table) -%}
    {%- for name in has if name not in options -%}
        {%- do exceptions.raise_compiler_error(
            table ~ " has no column " ~ name ~ "; it may have " ~ options | join(', ')
        ) -%}
    {%- endfor -%}
    cast({{ 'part.' ~ column if column in has else 'null' }} as {{ options[column] }})
{%- endmacro %}


{% macro spell_source_rows(relation, source_system, has=[], key_system=none) -%}
    {#- key_system: as in event_rows. -#}
    select
        {{ spell_source_key(source_system, 'part.program_id', 'part.source_record_key') }}
            as spell_source_id,
        crosswalk.person_id,
        part.program_id,
        {{ agency_value('spell_source', 'organization_id', has) }} as organization_id,
        {% if 'parent_record_key' in has -%}
        case
            when part.parent_record_key is not null
                then {{ spell_source_key(
                    source_system, 'part.parent_program_id', 'part.parent_record_key'
                ) }}
        end
        {%- else -%}
        cast(null as {{ dbt.type_string() }})
        {%- endif %} as parent_spell_source_id,
        '{{ source_system }}' as source_system,
        {{ agency_value('spell_source', 'start_reason_std_code', has) }} as start_reason_std_code,
        {{ agency_value('spell_source', 'end_reason_std_code', has) }} as end_reason_std_code,
        part.start_date,
        {{ last_day('part.end_date_excl') }} as last_day,
        {{ agency_value('spell_source', 'last_activity_date', has) }} as last_activity_date
    from {{ relation }} as part
    inner join {{ ref('person_crosswalk') }} as crosswalk
        on
            part.source_person_key = crosswalk.source_person_key
            and crosswalk.source_system = {{ key_system or "'" ~ source_system ~ "'" }}
{%- endmacro %}


{% macro spell_source_key(source_system, program_id, source_record_key) -%}
    {{ surrogate_key(["'" ~ source_system ~ "'", program_id, source_record_key]) }}
{%- endmacro %}


{% macro event_rows(relation, source_system, has=[], key_system=none) -%}
    {#- key_system: the source system of the person key, as an expression, where an agency has
        several kinds of persons (the child, the mother and the father of a certificate). -#}
    select
        {{ surrogate_key([
            'part.event_type', "'" ~ source_system ~ "'", 'crosswalk.person_id',
            'part.source_record_key'
        ]) }} as event_id,
        crosswalk.person_id,
        {{ agency_value('event', 'program_id', has) }} as program_id,
        {{ agency_value('event', 'organization_id', has) }} as organization_id,
        '{{ source_system }}' as source_system,
        part.event_type,
        coalesce({{ agency_value('event', 'date_precision', has) }}, 'day') as date_precision,
        {{ agency_value('event', 'value_code', has) }} as value_code,
        {{ agency_value('event', 'value_unit', has) }} as value_unit,
        {{ agency_value('event', 'value_number', has) }} as value_number,
        part.event_date
    from {{ relation }} as part
    inner join {{ ref('person_crosswalk') }} as crosswalk
        on
            part.source_person_key = crosswalk.source_person_key
            and crosswalk.source_system = {{ key_system or "'" ~ source_system ~ "'" }}
{%- endmacro %}


{% macro organization_rows(relation, source_system, has=[]) -%}
    select
        {{ organization_key(source_system, 'part.source_organization_id') }} as organization_id,
        '{{ source_system }}' as source_system,
        part.source_organization_id,
        {{ agency_value('organization', 'program_id', has) }} as program_id,
        {{ agency_value('organization', 'place_id', has) }} as place_id,
        part.organization_type,
        {{ agency_value('organization', 'organization_subtype', has) }} as organization_subtype,
        part.organization_name,
        {{ agency_value('organization', 'parent_name', has) }} as parent_name,
        {{ agency_value('organization', 'open_date', has) }} as open_date,
        {{ agency_value('organization', 'close_date', has) }} as close_date
    from {{ relation }} as part
{%- endmacro %}


{% macro organization_key(source_system, column) -%}
    {{ surrogate_key(["'" ~ source_system ~ "'", column]) }}
{%- endmacro %}


{% macro coverage_rows(relation, source_system, has=[]) -%}
    select
        '{{ source_system }}' as source_system,
        part.subject,
        part.basis,
        coalesce({{ agency_value('source_coverage', 'n_periods', has) }}, 1) as n_periods,
        part.coverage_start,
        part.coverage_end
    from {{ relation }} as part
    where part.coverage_start is not null
{%- endmacro %}


{% macro period_rows(relation, source_system, months_per_row=1) -%}
    {#- A period is covered when its load was accepted: a delivery that was held leaves a hole, and
        a hole splits the coverage in two. -#}
    {{ coverage_rows(
        "(select subject, 'accepted periods' as basis, n_source_spells as n_periods, "
        ~ "start_date as coverage_start, " ~ last_day('end_date_excl') ~ " as coverage_end from ("
        ~ month_spells(relation, ['subject'], months_per_row=months_per_row)
        ~ ") as period_runs)",
        source_system, has=['n_periods']
    ) }}
{%- endmacro %}


{% macro delivery_month(delivery) -%}
    {#- The first day of the month that a delivery (yyyy-mm, or yyyy-mm_r1) brings. -#}
    cast({{ dbt.concat(['substr(' ~ delivery ~ ', 1, 7)', "'-01'"]) }} as date)
{%- endmacro %}
