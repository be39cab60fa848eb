{% test unique_grain(model, columns) %}

{#- The columns of meta.grain name one row each, and none of them is null. -#}
select
    {{ columns | join(', ') }},
    count(*) as n_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null

{% endtest %}
