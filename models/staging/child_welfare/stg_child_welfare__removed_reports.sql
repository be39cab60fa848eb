with

removed as (

    {{ removed_records('child_welfare', 'child_file', ['subyr', 'rptid', 'chid']) }}

)

select * from removed
