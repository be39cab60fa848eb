{% macro race_items(hispanic, american_indian, asian, black, pacific_islander, white) -%}
    {#- Yes/no race items ('1' is yes) as one category. -#}
    {%- set races = {
        'american_indian': american_indian, 'asian': asian, 'black': black,
        'pacific_islander': pacific_islander, 'white': white
    } -%}
    {%- set items = races.values() | join(', ') -%}
    case
        when {{ hispanic }} = '1' then 'hispanic'
        when length(replace(concat({{ items }}), '1', '')) < length(concat({{ items }})) - 1
            then 'multiple'
        {%- for race, item in races.items() %}
        when {{ item }} = '1' then '{{ race }}'
        {%- endfor %}
    end
{%- endmacro %}


{% macro tanf_race_ethnicity() -%}
    {#- The yes/no race items of the federal TANF report (1 yes, 2 no) as one category. -#}
    {{ race_items(
        'race_hispanic', 'race_amer_indian', 'race_asian', 'race_black', 'race_hawaiian',
        'race_white'
    ) }}
{%- endmacro %}


{% macro ije_race_code() -%}
    {#- The fifteen race items of an IJE record (Y, N) as one bridged code: 01 to 15 for one race,
        21 for several, null for none. -#}
    case length(replace(concat(
        {% for k in range(1, 16) %}nullif(race{{ k }}, ''){{ ', ' if not loop.last }}{% endfor %}
    ), 'N', ''))
        when 0 then cast(null as text)
        when 1 then lpad(cast(strpos(concat(
            {% for k in range(1, 16) %}coalesce(race{{ k }}, 'N'){{ ', ' if not loop.last }}{% endfor %}
        ), 'Y') as text), 2, '0')
        else '21'
    end
{%- endmacro %}
