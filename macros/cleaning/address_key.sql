{% macro clean_zip(column) -%}
    case
        when btrim({{ column }}) ~ '^[0-9]{5}([-]?[0-9]{4})?$'
            and btrim({{ column }}) !~ '^(00000|99999)'
            then substr(btrim({{ column }}), 1, 5)
    end
{%- endmacro %}


{% macro address_words(expression, part) -%}
    {#- The words of a street or of a unit in their standard form, one space between them.
        ref_address_word says what a word becomes; an empty standard word drops it. -#}
    (
        select string_agg(word.standard_word, ' ' order by word.position)
        from (
            select
                words.position,
                coalesce(standard.standard_word, words.word) as standard_word
            from unnest(string_to_array(btrim(regexp_replace(
                upper({{ expression }}), '[^A-Z0-9]+', ' ', 'g'
            )), ' ')) with ordinality as words (word, position)
            left join {{ ref('ref_address_word') }} as standard
                on words.word = standard.word and standard.part = '{{ part }}'
        ) as word
        where word.standard_word <> '-'
    )
{%- endmacro %}


{% macro address_key(street, unit, zip) -%}
    {#- 'STREET|UNIT|ZIP'. Null without a street or a ZIP: half an address places nobody. -#}
    case
        when {{ street }} is not null and {{ clean_zip(zip) }} is not null
            then concat(
                {{ address_words(street, 'street') }}, '|',
                coalesce({{ address_words(unit, 'unit') }}, ''), '|',
                {{ clean_zip(zip) }}
            )
    end
{%- endmacro %}
