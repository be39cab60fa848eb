{% macro tanf_race_ethnicity() -%}
    {#- The yes/no race items of the federal TANF report (1 yes, 2 no) as one category. -#}
    case
        when race_hispanic = '1' then 'hispanic'
        when
            length(replace(concat(
                race_amer_indian, race_asian, race_black, race_hawaiian, race_white
            ), '1', '')) < length(concat(
                race_amer_indian, race_asian, race_black, race_hawaiian, race_white
            )) - 1
            then 'multiple'
        when race_amer_indian = '1' then 'american_indian'
        when race_asian = '1' then 'asian'
        when race_black = '1' then 'black'
        when race_hawaiian = '1' then 'pacific_islander'
        when race_white = '1' then 'white'
    end
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
