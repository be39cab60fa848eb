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
