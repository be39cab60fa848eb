{% macro sequence_spells(relation, partition_by) -%}
    {#-
        A select: every column of the relation, the number of the spell in its partition, the days
        since the one before (null for the first), and the start of the next (null for the last).
        relation  a CTE of disjoint half-open spells [start_date, end_date_excl)
    -#}
    {%- set window = '(partition by ' ~ partition_by | join(', ') ~ ' order by start_date)' -%}
    select
        relation.*,
        cast(row_number() over {{ window }} as integer) as sequence_number,
        {{ days_between('lag(end_date_excl) over ' ~ window, 'start_date') }} as gap_days_before,
        lead(start_date) over {{ window }} as next_start_date
    from {{ relation }} as relation
{%- endmacro %}


{% macro normalise_end(start_column, end_column, end_is_inclusive) -%}
    {#-
        A delivered end as a half-open one: null while open; the day after an end that is itself a
        day of the spell; a spell that begins and ends on one day is one day under both conventions.
        An end before its start gives the start: no days, so `start_date < end_date_excl` drops it.
    -#}
    case
        when {{ end_column }} is null then null
        when {{ end_column }} < {{ start_column }} then {{ start_column }}
        {% if not end_is_inclusive -%}
        when {{ end_column }} > {{ start_column }} then {{ end_column }}
        {% endif -%}
        else {{ add_days(end_column, 1) }}
    end
{%- endmacro %}


{% macro assume_end(
    start_column, end_column, last_activity_column, inactivity_days, coverage_end_column
) -%}
    {#-
        The half-open end of a spell that nobody closed. Open, and nothing recorded in the last
        inactivity_days before the end of coverage: it is taken to have ended on the day of its last
        record or, when nothing was ever recorded after its start, inactivity_days after the start.
        Null while still open; a null inactivity_days never closes anything.
    -#}
    case
        when {{ end_column }} is not null then {{ end_column }}
        when {{ last_activity_column }} > {{ start_column }}
            and {{ days_between(last_activity_column, coverage_end_column) }} > {{ inactivity_days }}
            then {{ add_days(last_activity_column, 1) }}
        when ({{ last_activity_column }} is null or {{ last_activity_column }} <= {{ start_column }})
            and {{ days_between(start_column, coverage_end_column) }} > {{ inactivity_days }}
            then {{ add_days(start_column, inactivity_days) }}
    end
{%- endmacro %}
