{% test required_columns(model, columns) %}

{#- No row lacks any of these columns. One scan, however many columns. -#}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null

{% endtest %}
