{#-
What is this test?
    No role but the owner and lifecourse_outreach may read a table of the restricted marts, and no
    other role of a purpose is a member of that one.
Why it matters
    A list of children to call on is for the service that an agreement names, and for no research.
How to fix
    Revoke the grant, or take the role out of lifecourse_outreach.
-#}
{{ config(meta={'dagster': {'ref': {'name': 'outreach_lists'}}}) }}

with

purposes as (

    select rolname
    from pg_roles
    where rolname in ('lifecourse_indicators', 'lifecourse_research', 'lifecourse_operations')

),

owners as (

    select tableowner
    from pg_tables
    where
        schemaname = '{{ ref("outreach_lists").schema }}'
        and tablename = 'outreach_lists'

),

grants as (

    select
        role_table_grants.grantee,
        'may read' as problem
    from information_schema.role_table_grants
    left join owners
        on role_table_grants.grantee = owners.tableowner
    where
        role_table_grants.table_schema = '{{ ref("outreach_lists").schema }}'
        and role_table_grants.grantee <> 'lifecourse_outreach'
        and owners.tableowner is null

),

members as (

    select
        rolname as grantee,
        'is a member' as problem
    from purposes
    where pg_has_role(rolname, 'lifecourse_outreach', 'member')

)

select * from grants
union all
select * from members
