{#-
    A table whose rows of a person depend on that person's rows of its inputs alone, and on inputs
    that are of no person (policies, coverage, calendar): a build makes anew the persons whose inputs
    changed, and touches the rows of nobody else.

    Who is touched is seen in the inputs, not told by whoever changed them: beside each such table
    stands by_person.state_<its oid>, with a fingerprint of all that each person's rows were made
    from. A late, corrected or removed record, a merge or a split of persons, another place or
    household are all the same to it, and so is a build that failed half-way or was made by hand.

    Everything is made anew on a first build, with --full-refresh, when the model's SQL (its macros
    included) or its contract changed, when an input that is of no person changed, when the table is
    not the one the state was written for (its file tells), and when so many persons are touched that
    deleting and inserting them would cost more.

    A rebuild as of a load goes into schemas of its own, whose tables have states of their own.
    PostgreSQL only; another engine builds these models as tables (dbt_project.yml).
-#}
{% materialization by_person, adapter='postgres' %}

    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = namespace(relation=load_cached_relation(this)) -%}
    {%- set backup = make_backup_relation(target_relation, 'table') -%}
    {%- set unfinished = load_cached_relation(make_intermediate_relation(target_relation)) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}

    {#- One picture of the inputs for fingerprints and rows alike. -#}
    {% call statement('one_picture') -%}
        set transaction isolation level repeatable read
    {%- endcall %}
    {% call statement('home') -%}
        do $$
        begin
            if to_regnamespace('by_person') is null then
                -- models are built at a time, and two of them would collide
                perform pg_advisory_xact_lock(hashtext('lifecourse by person'));
                create schema if not exists by_person;
            end if;
        end
        $$
    {%- endcall %}
    {{ drop_relation_if_exists(unfinished) }}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if existing.relation is none -%}
        {%- set existing.relation = by_person_adopted(target_relation) -%}
    {%- endif %}
    {%- set inputs = by_person_inputs() -%}
    {%- set others = by_person_fingerprint_of_others(inputs) -%}
    {%- set state = none if existing.relation is none else by_person_state(existing.relation) -%}
    {% call statement('fingerprints') -%}
        {{ by_person_fingerprints(inputs) }}
    {%- endcall %}

    {%- set touched = none -%}
    {%- if state is not none and state.others == others and not should_full_refresh() -%}
        {%- set touched = by_person_touched(state.name) -%}
    {%- endif -%}

    {% if touched is none -%}
        {% do by_person_everything(existing.relation, target_relation, backup) %}
        {% do by_person_remember(target_relation, others) %}
    {%- else -%}
        {% do by_person_touched_only(target_relation, inputs, state.name) %}
    {%- endif %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {% if touched is none -%}
        {{ drop_relation_if_exists(backup) }}
    {%- endif %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}

{% endmaterialization %}


{% macro by_person_adopted(target_relation) -%}
    {#- A build aside starts from what the release before the last left (orchestration/release.py);
        the table as it now is, or none. -#}
    {%- set suffix = env_var('LIFECOURSE_SCHEMA_SUFFIX', '') -%}
    {%- if not suffix or not target_relation.schema.endswith(suffix) -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set standby = api.Relation.create(
        target_relation.database,
        target_relation.schema[:-(suffix | length)] ~ '__standby',
        target_relation.identifier
    ) -%}
    {%- if run_query("select to_regclass('" ~ standby ~ "')").rows[0][0] is none -%}
        {%- do return(none) -%}
    {%- endif -%}
    {% call statement('adopted') -%}
        alter table {{ standby }} set schema "{{ target_relation.schema }}"
    {%- endcall %}
    {%- do return(target_relation) -%}
{%- endmacro %}


{% macro by_person_inputs() -%}
    {#- What the model reads: for each table its relation, whether it is of persons, and the state it
        has when it is built by person itself. -#}
    {%- set found = [] -%}
    {%- for key in model.depends_on.nodes -%}
        {%- set node = graph.nodes.get(key) -%}
        {%- if node is none or node.config.materialized == 'ephemeral' -%}
            {%- do exceptions.raise_compiler_error(
                model.name ~ ' is built by person and reads ' ~ key
                ~ ', which is no table: its inputs cannot be compared with those of the last build.'
            ) -%}
        {%- endif -%}
        {%- set relation = api.Relation.create(node.database, node.schema, node.alias) -%}
        {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- do found.append({
            'relation': relation,
            'is_of_persons': 'person_id' in columns,
            'state': by_person_state(relation) if node.config.materialized == 'by_person' else none
        }) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{%- endmacro %}


{% macro by_person_state(relation) -%}
    {#- {name, others} of the state that was written for this very table, or none. -#}
    {%- set rows = run_query(
        "select s.relname, split_part(obj_description(s.oid, 'pg_class'), ' ', 1) "
        ~ "from pg_class as t inner join pg_class as s on s.relname = 'state_' || t.oid "
        ~ "where t.oid = to_regclass('" ~ relation ~ "') "
        ~ "and s.relnamespace = to_regnamespace('by_person') "
        ~ "and split_part(obj_description(s.oid, 'pg_class'), ' ', 2) "
        ~ "= pg_relation_filenode(t.oid)::text"
    ).rows -%}
    {%- do return({'name': rows[0][0], 'others': rows[0][1]} if rows else none) -%}
{%- endmacro %}


{% macro by_person_fingerprint_of_others(inputs) -%}
    {#- Everything that is of no single person: the model's text and contract, the inputs without
        persons, the same of the inputs built by person, the server's way of hashing, and the server
        itself: a dump that is restored keeps states, but tables get other oids. -#}
    {%- set parts = [
        "'" ~ local_md5(sql ~ model.contract) ~ "'",
        "current_setting('server_version_num')::int / 10000",
        "(select system_identifier from pg_control_system())"
    ] -%}
    {%- for input in inputs -%}
        {%- if input.state is not none -%}
            {%- do parts.append("'" ~ input.state.others ~ "'") -%}
        {%- elif not input.is_of_persons -%}
            {%- do parts.append(
                "(select count(*) || ':' || coalesce(sum(hash_record_extended(i, 0)), 0) from "
                ~ input.relation ~ " as i)"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(run_query("select md5(concat_ws(' ', " ~ parts | join(', ') ~ "))").rows[0][0]) -%}
{%- endmacro %}


{% macro by_person_fingerprints(inputs) -%}
    {#- A sum, so that the order of rows does not matter and two like rows are not none. -#}
    create temporary table by_person_now on commit drop as
    select person_id, sum(part) as fingerprint
    from (
        {% for input in inputs if input.is_of_persons -%}
        {% if input.state is not none -%}
        select person_id, hash_numeric_extended(fingerprint, {{ loop.index }}) as part
        from by_person.{{ input.state.name }}
        {%- else -%}
        select i.person_id, hash_record_extended(i, {{ loop.index }}) as part
        from {{ input.relation }} as i
        {%- endif %}
        {% if not loop.last %}union all{% endif %}
        {% endfor %}
    ) as parts
    group by person_id
{%- endmacro %}


{% macro by_person_touched(state) -%}
    {#- Fills by_person_touched and returns how many persons are in it; none when they are so many
        that all are made anew. A quarter: a row that is replaced is deleted, written and indexed, and
        leaves its room behind. -#}
    {% call statement('touched') -%}
        create temporary table by_person_touched on commit drop as
        select coalesce(now.person_id, before.person_id) as person_id
        from by_person_now as now
        full outer join by_person.{{ state }} as before on now.person_id = before.person_id
        where now.fingerprint is distinct from before.fingerprint
    {%- endcall %}
    {%- set row = run_query(
        "select count(*), count(*) > (select count(*) / 4 from by_person_now), "
        ~ "coalesce(bool_or(person_id is null), false) from by_person_touched"
    ).rows[0] -%}
    {%- do return(none if row[1] or row[2] else row[0]) -%}
{%- endmacro %}


{% macro by_person_everything(existing, target_relation, backup) -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {% call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate, sql) }}
    {%- endcall %}
    {% call statement('index') -%}
        create index on {{ intermediate }} (person_id)
    {%- endcall %}
    {% if existing is not none -%}
        {{ adapter.rename_relation(existing, backup) }}
    {%- endif %}
    {{ adapter.rename_relation(intermediate, target_relation) }}
{%- endmacro %}


{% macro by_person_remember(target_relation, others) -%}
    {% call statement('remember') -%}
        do $$
        declare
            made oid = '{{ target_relation }}'::regclass;
            state text = format('by_person.state_%s', made);
            old record;
        begin
            -- of tables that are gone, and of one whose number this one was given
            for old in
                select format('by_person.%I', s.relname) as name from pg_class as s
                where s.relnamespace = 'by_person'::regnamespace and s.relname like 'state\_%'
                    and s.relkind = 'r'
                    and (
                        s.relname = format('state_%s', made)
                        or not exists (
                            select from pg_class as t where s.relname = format('state_%s', t.oid)
                        )
                    )
            loop
                execute format('drop table if exists %s', old.name);
            end loop;
            execute format(
                'create table %s as select person_id, fingerprint from by_person_now', state
            );
            execute format('analyze %s', state);
            execute format(
                'comment on table %s is %L', state,
                '{{ others }} ' || pg_relation_filenode(made)
            );
        end
        $$
    {%- endcall %}
{%- endmacro %}


{% macro by_person_touched_only(target_relation, inputs, state) -%}
    {#- A few persons' rows by the index of a table that is built by person: as an array and with no
        reading of whole tables, since joined to ten thousand persons the planner read the rows of a
        million (2026-11-26). Other inputs have no index, and for them a join is right. -#}
    {%- set rows = namespace(sql=sql) -%}
    {% call statement('few') -%}
        set local enable_seqscan = off;
        create unique index on by_person_touched (person_id);
        analyze by_person_touched
    {%- endcall %}
    {%- for input in inputs if input.is_of_persons -%}
        {%- set few = 'by_person_input_' ~ loop.index -%}
        {% call statement('input') -%}
            create temporary table {{ few }} on commit drop as
            select i.* from {{ input.relation }} as i
            {% if input.state is not none -%}
            where i.person_id = any(array(select person_id from by_person_touched));
            {%- else -%}
            inner join by_person_touched on i.person_id = by_person_touched.person_id;
            {%- endif %}
            analyze {{ few }}
        {%- endcall %}
        {%- set rows.sql = rows.sql | replace(input.relation | string, few) -%}
    {%- endfor -%}
    {%- set columns = adapter.get_columns_in_relation(target_relation)
        | map(attribute='quoted') | join(', ') -%}
    {% call statement('gone') -%}
        delete from {{ target_relation }}
        where person_id = any(array(select person_id from by_person_touched))
    {%- endcall %}
    {% call statement('whole') -%}
        set local enable_seqscan to default
    {%- endcall %}
    {% call statement('main') -%}
        insert into {{ target_relation }} ({{ columns }})
        select {{ columns }} from ({{ rows.sql }}) as made
    {%- endcall %}
    {% call statement('remember') -%}
        delete from by_person.{{ state }} as old
        using by_person_touched where old.person_id = by_person_touched.person_id;
        insert into by_person.{{ state }} (person_id, fingerprint)
        select now.person_id, now.fingerprint
        from by_person_now as now
        inner join by_person_touched on now.person_id = by_person_touched.person_id
    {%- endcall %}
{%- endmacro %}
