{% macro resolve_overlaps(
    relation, partition_by, policy, spell_key='spell_source_id', priority_column='priority'
) -%}
    {#-
        A select: source spells after the overlap policy of their program.
        relation         a CTE of half-open spells [start_date, end_date_excl) with a key
        partition_by     the columns inside which two spells can overlap
        policy           allow              as they are
                         truncate_previous  a spell ends where the next begins; of those that begin
                                            on one day the longest stays
                         merge              joined; the key of a joined spell is its first one's
                         priority           a day belongs to the spell with the lowest
                                            priority_column; a spell may come out in pieces
        Out: partition_by, the key, start_date, end_date_excl; disjoint but for allow.
    -#}
    {%- set keys = partition_by | join(', ') -%}
    {%- set same_keys -%}
        {%- for key in partition_by %}spells.{{ key }} = stretches.{{ key }} and {% endfor -%}
    {%- endset -%}
    {%- if policy == 'allow' -%}
    select {{ keys }}, {{ spell_key }}, start_date, end_date_excl
    from {{ relation }} as relation
    {%- elif policy == 'truncate_previous' -%}
    select {{ keys }}, {{ spell_key }}, start_date, end_date_excl
    from (
        select
            {{ keys }},
            {{ spell_key }},
            start_date,
            {{ truncated_end(keys, spell_key) }} as end_date_excl
        from {{ relation }} as relation
    ) as truncated
    where start_date < end_date_excl
    {%- elif policy == 'merge' -%}
    select
        {{ keys_of('merged', partition_by) }},
        min(spells.{{ spell_key }}) as {{ spell_key }},
        merged.start_date,
        merged.end_date_excl
    from ({{ collapse_spells(relation, partition_by) }}) as merged
    inner join {{ relation }} as spells
        on
            {{ same_keys | replace('stretches.', 'merged.') }}
            spells.start_date = merged.start_date
    group by {{ keys_of('merged', partition_by) }}, merged.start_date, merged.end_date_excl
    {%- elif policy == 'priority' -%}
    select {{ keys }}, {{ spell_key }}, start_date, end_date_excl
    from ({{ collapse_spells(
        won_stretches(relation, partition_by, spell_key, priority_column, same_keys),
        partition_by + [spell_key]
    ) }}) as joined
    {%- else -%}
    {{ exceptions.raise_compiler_error("resolve_overlaps knows no policy " ~ policy) }}
    {%- endif -%}
{%- endmacro %}


{% macro truncated_end(keys, spell_key) -%}
    {#- The end of a spell, cut where the next of the partition begins. -#}
    {{ earlier_of(
        'end_date_excl',
        'lead(start_date) over (partition by ' ~ keys ~ ' order by start_date, end_date_excl, '
        ~ spell_key ~ ')'
    ) }}
{%- endmacro %}


{% macro keys_of(alias, columns) -%}
    {%- for column in columns %}{{ alias }}.{{ column }}{% if not loop.last %}, {% endif %}{% endfor -%}
{%- endmacro %}


{% macro won_stretches(relation, partition_by, spell_key, priority_column, same_keys) -%}
    (
        select * from (
            select
                {{ keys_of('stretches', partition_by) }},
                spells.{{ spell_key }},
                stretches.start_date,
                stretches.end_date_excl,
                row_number() over (
                    partition by {{ keys_of('stretches', partition_by) }}, stretches.start_date
                    order by spells.{{ priority_column }}, spells.start_date, spells.{{ spell_key }}
                ) as place_by_priority
            from ({{ combine_spells(
                relation, partition_by, {'n_active': '1 = 1'}, keep_every_boundary=true
            ) }}) as stretches
            inner join {{ relation }} as spells
                on
                    {{ same_keys }}
                    spells.start_date <= stretches.start_date
                    and spells.end_date_excl > stretches.start_date
        ) as ranked
        where place_by_priority = 1
    )
{%- endmacro %}
