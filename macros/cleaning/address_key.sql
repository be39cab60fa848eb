{% macro clean_zip(column) -%}
    case
        when btrim({{ column }}) ~ '^[0-9]{5}(?:[-]?[0-9]{4})?$'
            and substr(btrim({{ column }}), 1, 5) not in ('00000', '99999')
            then substr(btrim({{ column }}), 1, 5)
    end
{%- endmacro %}


{% macro typed_words(expression) -%}
    {#- A from item: the words of what was typed, upper case, with their positions from 1. -#}
    unnest(string_to_array(btrim(regexp_replace(
        replace(upper({{ expression }}), '#', ' UNIT '), '[^A-Z0-9]+', ' ', 'g'
    )), ' ')) with ordinality as words (word, position)
{%- endmacro %}


{% macro address_keys(relation, id) -%}
    {#- A select of `id` and address_key, a row for each row of `relation`, which has `id` (one row
        each), street_address, unit and zip.

        The key is 'STREET|UNIT|ZIP'. Null without a street or a ZIP: half an address places nobody.
        ref_address_word says what a word becomes; '-' drops it.

        Agencies without a field for the unit write it behind the street. Without a unit of its
        own, the unit begins at the first word behind the name that is a unit's (APT, #, LOT), or
        is the last word where that is one letter or a short number behind the street's type
        ('9 OAK DR D'); not a direction ('9 OAK DR E') nor a road's number ('9 COUNTY RD 12').
        In a county of 20,000, 46 % of a clinic's patients had no tract before (2026-11-25).

        All addresses at once and no expression for one: the joins with the list of words cost more
        than the words do, and 672,000 addresses took more than 3 minutes (2026-11-26). -#}
    select
        typed.{{ id }},
        case
            when typed.street_address is not null and {{ clean_zip('typed.zip') }} is not null
                then concat(
                    lines.street,
                    '|',
                    coalesce(units.unit, lines.unit, ''),
                    '|',
                    {{ clean_zip('typed.zip') }}
                )
        end as address_key
    from {{ relation }} as typed
    left join (
        select
            line.{{ id }},
            string_agg(
                case when not line.in_unit then line.street_word end,
                ' ' order by line.position
            ) as street,
            string_agg(
                case when line.in_unit and line.unit_word <> '-' then line.unit_word end,
                ' ' order by line.position
            ) as unit
        from (
            select
                placed.{{ id }},
                placed.position,
                placed.street_word,
                placed.unit_word,
                placed.has_no_unit and placed.position >= coalesce(
                    min(case when placed.begins_unit then placed.position end)
                        over (partition by placed.{{ id }}),
                    placed.position + 1
                ) as in_unit
            from (
                select
                    typed.{{ id }},
                    words.position,
                    typed.unit is null as has_no_unit,
                    coalesce(street.standard_word, words.word) as street_word,
                    coalesce(unit.standard_word, words.word) as unit_word,
                    (
                        words.position > 2
                        and unit.word is not null
                        and (
                            unit.standard_word <> '-'
                            or words.position < count(*) over (partition by typed.{{ id }})
                        )
                    ) or (
                        words.position > 3
                        and words.position = count(*) over (partition by typed.{{ id }})
                        and words.word ~ '^([0-9]{1,3}[A-Z]?|[A-DF-MO-RT-VX-Z][0-9]{0,3})$'
                        and lag(type.word)
                            over (partition by typed.{{ id }} order by words.position) is not null
                        and lag(numbered.word, 2)
                            over (partition by typed.{{ id }} order by words.position) is null
                    ) as begins_unit
                from {{ relation }} as typed
                cross join lateral {{ typed_words('typed.street_address') }}
                left join {{ ref('ref_address_word') }} as street
                    on words.word = street.word and street.part = 'street'
                left join {{ ref('ref_address_word') }} as unit
                    on words.word = unit.word and unit.part = 'unit'
                left join {{ ref('ref_address_word') }} as type
                    on
                        coalesce(street.standard_word, words.word) = type.word
                        and type.part = 'type'
                left join {{ ref('ref_address_word') }} as numbered
                    on words.word = numbered.word and numbered.part = 'numbered'
            ) as placed
        ) as line
        group by line.{{ id }}
    ) as lines
        on typed.{{ id }} = lines.{{ id }}
    left join (
        select
            typed.{{ id }},
            string_agg(
                coalesce(standard.standard_word, words.word), ' ' order by words.position
            ) as unit
        from {{ relation }} as typed
        cross join lateral {{ typed_words('typed.unit') }}
        left join {{ ref('ref_address_word') }} as standard
            on words.word = standard.word and standard.part = 'unit'
        where coalesce(standard.standard_word, words.word) <> '-'
        group by typed.{{ id }}
    ) as units
        on typed.{{ id }} = units.{{ id }}
{%- endmacro %}
