{#-
What is this test?
    Days exposed are days observed, and days observed are days of the window; a window without a
    day exposed is No only when all of it was observed.
Why it matters
    A share above one, or a No that nobody looked for, goes straight into a table of results.
How to fix
    models/core/exposure.sql cuts windows, coverage and spells; look at the row's program in
    core.program_coverage first: stretches that overlap count days twice.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'exposure'}}}) }}

with

exposures as (

    select * from {{ ref('exposure') }}

)

select *
from exposures
where
    days_exposed > observed_days
    or observed_days > window_days
    or (is_exposed and days_exposed = 0)
    or (not is_exposed and (days_exposed > 0 or not is_fully_observed))
    or (is_exposed is null and (days_exposed > 0 or is_fully_observed))
