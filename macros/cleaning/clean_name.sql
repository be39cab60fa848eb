{% macro clean_name(column) -%}
    {#- Upper case, letters and single spaces. Accents fold to their letter; a hyphen becomes a
        space, so both halves of a double name stay; apostrophes and dots close up. -#}
    nullif(btrim(regexp_replace(regexp_replace(
        translate(
            upper({{ column }}),
            '-ÁÀÂÄÃÅÉÈÊËÍÌÎÏÓÒÔÖÕÚÙÛÜÇÑÝ''’`.',
            ' AAAAAAEEEEIIIIOOOOOUUUUCNY'
        ),
        '[^A-Z ]+', '', 'g'
    ), ' {2,}', ' ', 'g')), '')
{%- endmacro %}


{% macro name_part(column, part) -%}
    {#- One part of a name written in one field as LAST, FIRST MIDDLE SUFFIX: 'first', 'middle',
        'last' or 'suffix'. A suffix is JR, SR or II to IV at the end (a V there is a middle
        initial); what stands between it and the first given name is the middle name. Without a
        comma all of it is the last name. -#}
    {%- set given = "btrim(split_part(" ~ column ~ ", ',', 2))" -%}
    {%- set suffixes = "'(^| )(JR|SR|II|III|IV)[.]?$'" -%}
    {%- set names = "regexp_replace(" ~ given ~ ", " ~ suffixes ~ ", '', 'i')" -%}
    {%- if part == 'last' -%}
        nullif(btrim(split_part({{ column }}, ',', 1)), '')
    {%- elif part == 'first' -%}
        nullif(split_part({{ names }}, ' ', 1), '')
    {%- elif part == 'middle' -%}
        nullif(btrim(substr({{ names }}, length(split_part({{ names }}, ' ', 1)) + 1)), '')
    {%- elif part == 'suffix' -%}
        nullif(btrim(substring({{ given }} from '(?i)(?:^| )((?:JR|SR|II|III|IV)[.]?)$')), '')
    {%- else -%}
        {{ exceptions.raise_compiler_error("name_part knows no part " ~ part) }}
    {%- endif -%}
{%- endmacro %}
