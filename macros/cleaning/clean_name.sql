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
