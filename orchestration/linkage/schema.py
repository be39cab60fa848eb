"""Schema `linkage` in the warehouse: the one home of its tables.

Add here: a table or column linkage keeps. Keep out: what is written into them (store.py) and
decisions about anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError

if TYPE_CHECKING:
    import psycopg

# Source keys of wage files hold numbers and names: this schema is as private as `identity`.
TABLES = """
create schema if not exists linkage;

create table if not exists linkage.run (
    run_id integer primary key,
    inputs_hash text not null,
    config_hash text not null,
    model_version text not null,
    as_of_load integer not null,
    records integer not null,
    source_records integer not null,
    persons integer not null,
    nodes integer not null,
    pairs bigint not null,
    components_cut integer not null,
    override_ids bigint[] not null default '{}',
    newest_birth_year integer,
    is_partial boolean not null default false,
    recomputed integer not null default 0,
    finished_at timestamptz not null default now()
);

create table if not exists linkage.person (
    person_id bigint primary key,
    status text not null check (status in ('active', 'merged', 'retired')),
    merged_into bigint references linkage.person (person_id),
    created_run_id integer not null references linkage.run (run_id),
    created_load_id integer not null,
    ended_run_id integer references linkage.run (run_id),
    check ((status = 'merged') = (merged_into is not null)),
    check ((status = 'active') = (ended_run_id is null))
);

-- One row per source record, ever delivered. record_number stands for the key wherever a person
-- looks on: a key of a wage file is a number and a name. Here and in the crosswalk a page keeps
-- room for newer evidence of its rows: without it each change of one writes to every index.
create table if not exists linkage.source_record (
    record_number integer not null unique,
    source_system text not null,
    source_person_key text not null,
    identity_hash text not null,
    first_load_id integer not null,
    gone_run_id integer references linkage.run (run_id),
    primary key (source_system, source_person_key)
) with (fillfactor = 90);

create table if not exists linkage.crosswalk (
    source_system text not null,
    source_person_key text not null,
    person_id bigint not null references linkage.person (person_id),
    method text not null check (method in
        ('exact', 'probabilistic', 'pprl', 'steward', 'single', 'unlinkable')),
    rule text not null,
    match_weight double precision,
    model_version text not null,
    valid_from_load integer not null,
    valid_to_load integer,
    opened_run_id integer not null references linkage.run (run_id),
    closed_run_id integer references linkage.run (run_id),
    primary key (source_system, source_person_key, opened_run_id),
    check ((valid_to_load is null) = (closed_run_id is null))
) with (fillfactor = 90);
create unique index if not exists crosswalk_one_open
    on linkage.crosswalk (source_system, source_person_key) where closed_run_id is null;
create index if not exists crosswalk_by_person on linkage.crosswalk (person_id);

-- A steward's decision. In force when it is approved where approval is needed, is not withdrawn
-- and has not expired (overrides.IN_FORCE).
create table if not exists linkage.override (
    override_id bigint generated always as identity primary key,
    kind text not null check (kind in ('must_link', 'cannot_link')),
    left_source_system text not null,
    left_source_person_key text not null,
    right_source_system text not null,
    right_source_person_key text not null,
    reason text not null check (btrim(reason) <> ''),
    steward text not null check (btrim(steward) <> ''),
    entered_as text not null default session_user,
    needs_approval boolean not null default false,
    approved_by text check (btrim(approved_by) <> ''),
    approved_at timestamptz,
    created_at timestamptz not null default now(),
    expires_on date,
    withdrawn_at timestamptz,
    withdrawn_by text,
    withdrawn_reason text,
    check ((left_source_system, left_source_person_key)
        <> (right_source_system, right_source_person_key)),
    check (lower(btrim(approved_by)) <> lower(btrim(steward)))
);

-- Records that agree so well that they were one before anything was compared, as the last run
-- formed them. A region is all nodes that could come to depend on each other (regions.py).
create table if not exists linkage.node (
    node_id integer primary key,
    region_id integer not null,
    first_record integer not null,
    is_linkable boolean not null
);

-- One row per identity record that the last run saw: what tells the next run what is new.
create table if not exists linkage.variant (
    identity_record_id text primary key,
    record_number integer not null,
    node_id integer not null
);
create index if not exists variant_by_record on linkage.variant (record_number);
create index if not exists variant_by_node on linkage.variant (node_id);
create index if not exists node_by_region on linkage.node (region_id);
create index if not exists node_by_first_record on linkage.node (first_record);

-- Every safe key and block of a node's records, hashed (block_keys.py): whom a new record could
-- meet. A run on a part leaves the keys that everybody's run wrote as they are: it adds to those
-- that came later, and to the nodes that are no more. Changed in place, the keys of a hundredth of
-- a million records rewrote three quarters of their index's pages (2026-11-26).
create table if not exists linkage.block_key (
    key bigint not null,
    node_id integer not null
);
create table if not exists linkage.later_block_key (
    key bigint not null,
    node_id integer not null
);
create index if not exists later_block_key_by_key
    on linkage.later_block_key (key) include (node_id);
create table if not exists linkage.vanished_node (node_id integer primary key);
-- what earlier versions looked keys up by
drop index if exists linkage.block_key_by_node;
drop index if exists linkage.block_key_of_node;

-- What tells how much a node can weigh against another without its records (bounds.py): its values
-- as numbers, dates of birth and numbers of persons among them.
create table if not exists linkage.node_sketch (
    node_id integer primary key,
    sketch bytea not null
);

-- Numbers under which so many given names were delivered that they are nobody's.
create table if not exists linkage.placeholder_number (ssn text primary key);

create table if not exists linkage.edge (
    left_node integer not null,
    right_node integer not null,
    match_weight double precision not null,
    evidence jsonb not null,
    decision text not null check (decision in ('linked', 'not linked', 'vetoed')),
    veto text,
    doubt text,
    model_version text not null,
    run_id integer not null references linkage.run (run_id),
    primary key (left_node, right_node),
    check (left_node < right_node),
    check ((decision = 'vetoed') = (veto is not null))
);
create index if not exists edge_by_right on linkage.edge (right_node);

create table if not exists linkage.person_event (
    event_id bigint primary key,
    run_id integer not null references linkage.run (run_id),
    load_id integer not null,
    event_type text not null check (event_type in
        ('create', 'merge', 'split', 'move', 'retire', 'restore')),
    from_person_id bigint references linkage.person (person_id),
    to_person_id bigint references linkage.person (person_id),
    record_count integer not null,
    cause text not null default 'records' check (cause in ('records', 'decision', 'model')),
    occurred_at timestamptz not null default now()
);

-- What waits for a steward, and what was waiting: an item is closed by a decision, or by a run
-- after which it is no longer doubtful.
create table if not exists linkage.review_queue (
    item_id bigint generated always as identity primary key,
    kind text not null check (kind in ('pair', 'bridge')),
    left_record integer not null references linkage.source_record (record_number),
    right_record integer not null references linkage.source_record (record_number),
    person_ids bigint[] not null,
    reason text not null,
    match_weight double precision not null,
    evidence jsonb not null,
    side_sizes integer[],
    opened_run_id integer not null references linkage.run (run_id),
    closed_run_id integer references linkage.run (run_id),
    override_id bigint references linkage.override (override_id),
    check (left_record < right_record)
);
create unique index if not exists review_queue_one_open
    on linkage.review_queue (kind, left_record, right_record)
    where closed_run_id is null and override_id is null;

-- The figures of each quality report, which the next one is compared with.
create table if not exists linkage.report (
    run_id integer primary key references linkage.run (run_id),
    facts jsonb not null,
    made_at timestamptz not null default now()
);

-- Who was shown source keys, and whose.
create table if not exists linkage.access_log (
    access_id bigint generated always as identity primary key,
    command text not null,
    person_id bigint,
    entered_as text not null default session_user,
    system_user_name text not null,
    accessed_at timestamptz not null default now()
);
"""


# Made last by a run that writes every key: kept up to date row by row, the keys of a county of a
# million took more than seven minutes to write (2026-11-26).
BLOCK_KEY_INDEX = """
create index if not exists block_key_by_key on linkage.block_key (key) include (node_id)
"""


# What a warehouse made by an earlier version lacks. Tables that any run fills again are made
# anew; a changed VERSION makes the next run a full one.
VERSION = 4
UPGRADE = """
do $$
begin
    if to_regclass('linkage.edge') is not null and to_regclass('linkage.variant') is null then
        drop table linkage.edge;
        drop table linkage.source_record;
        alter table linkage.run add override_ids bigint[] not null default '{}';
        alter table linkage.crosswalk drop constraint crosswalk_method_check;
        alter table linkage.crosswalk add check (method in
            ('exact', 'probabilistic', 'pprl', 'steward', 'single', 'unlinkable'));
        alter table linkage.person_event add cause text not null default 'records'
            check (cause in ('records', 'decision', 'model'));
        alter table linkage.override
            add entered_as text not null default session_user,
            add needs_approval boolean not null default false,
            add approved_at timestamptz,
            add withdrawn_by text,
            add withdrawn_reason text;
    end if;
    if to_regclass('linkage.variant') is not null and to_regclass('linkage.block_key') is null then
        alter table linkage.run
            add newest_birth_year integer,
            add is_partial boolean not null default false,
            add recomputed integer not null default 0;
    end if;
end $$;
"""


def ensure(connection: psycopg.Connection) -> None:
    """Create schema `linkage` and its tables where they are missing. Idempotent."""
    connection.execute(UPGRADE)
    connection.execute(TABLES)
    connection.execute(BLOCK_KEY_INDEX)


def demand_run(connection: psycopg.Connection) -> None:
    """Raises LifecourseError before the first run."""
    if (
        not connection.execute("select to_regclass('linkage.variant')").fetchone()[0]
        or not connection.execute("select count(*) from linkage.run").fetchone()[0]
    ):
        raise LifecourseError("Nothing is linked yet; run the pipeline first (lifecourse run).")
