{% test within_lifetime(model, start_column, last_day_column) %}

{#- Nothing begins or goes on after the day its person died. -#}
with

records as (

    select * from {{ model }}

),

persons as (

    select * from {{ ref('person') }}

)

select records.*
from records
inner join persons
    on records.person_id = persons.person_id
where
    records.{{ start_column }} > persons.death_date
    or records.{{ last_day_column }} > persons.death_date

{% endtest %}
