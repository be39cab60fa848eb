{% macro combine_spells(
    relation, partition_by, counts, start_column='start_date', end_column='end_date_excl',
    keep_every_boundary=false
) -%}
    {#-
        A select: time cut at every change, one row a stretch in which the same number of spells of
        each kind is active.
        relation             a CTE of half-open spells; they may overlap
        partition_by         the columns inside which time is cut
        counts               {column: condition on a row of the relation}
        keep_every_boundary  also cut where one spell ends and another of its kind begins
        Out: partition_by, start, end, the counts. Stretches in which nothing is active are left out.

        Form: a spell is +1 at its start and -1 at its end; a running sum over the sorted days is the
        number active. One sort, no join of spells with spells.
    -#}
    {%- set keys = partition_by | join(', ') -%}
    {%- set at = 'over (partition by ' ~ keys ~ ' order by boundary' -%}
    select
        {{ keys }},
        boundary as {{ start_column }},
        next_boundary as {{ end_column }},
        {{ counts | join(', ') }}
    from (
        select
            {{ keys }},
            boundary,
            {% for name in counts -%}
            cast(sum(delta_{{ name }}) {{ at }}
                rows between unbounded preceding and current row) as integer) as {{ name }},
            {% endfor -%}
            cast(sum(delta_of_all) {{ at }}
                rows between unbounded preceding and current row) as integer) as n_of_all,
            lead(boundary) {{ at }}) as next_boundary
        from (
            select
                {{ keys }},
                boundary,
                {% for name in counts -%}
                sum(delta_{{ name }}) as delta_{{ name }},
                {% endfor -%}
                sum(delta_of_all) as delta_of_all
            from (
                {% for column, sign in [(start_column, '1'), (end_column, '-1')] -%}
                select
                    {{ keys }},
                    {{ column }} as boundary,
                    {% for name, condition in counts.items() -%}
                    case when {{ condition }} then {{ sign }} else 0 end as delta_{{ name }},
                    {% endfor -%}
                    {{ sign }} as delta_of_all
                from {{ relation }} as relation
                {% if not loop.last -%}
                union all
                {% endif -%}
                {% endfor %}
            ) as boundaries
            group by {{ keys }}, boundary
            {% if not keep_every_boundary -%}
            having
                {% for name in counts -%}
                sum(delta_{{ name }}) <> 0{% if not loop.last %} or {% endif %}
                {%- endfor %}
            {%- endif %}
        ) as changes
    ) as stretches
    where
        {% if keep_every_boundary -%}
        n_of_all > 0
        {%- else -%}
        {% for name in counts -%}
        {{ name }} > 0{% if not loop.last %} or {% endif %}
        {%- endfor %}
        {%- endif %}
{%- endmacro %}
