"""The scope of a run on a part: the nodes of the last run that it looks at, kept by the server.

SQL over the tables that the last run left and the temporary ones `scope` and `kept`, for one
transaction. Add here: something to ask of the last run. Keep out: who has to be looked at
(parts.py, meeting.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage import records, store
from orchestration.linkage.encoding import distinct

if TYPE_CHECKING:
    import numpy
    import psycopg
    import pyarrow

    from orchestration.linkage.changes import Changes

# scope: nodes to look at, is_near for those whose records are new, changed, gone or decided
# about, or share a safe key with such. kept: their identity records, as the last run saw them.
# What is asked for is a small share of tables that are in memory and have an index for it:
# without the first two lines the planner reads them whole, a dozen times in a run. A worker takes
# longer to begin than its share of a scan, and statistics of a temporary table, of which sizes are
# all that matters here, were a thirtieth of a run (2026-11-26).
_TABLES = """
set local random_page_cost = 1.1;
set local enable_seqscan = off;
set local max_parallel_workers_per_gather = 0;
set local default_statistics_target = 10;
create temporary table scope (node_id integer primary key, region_id integer, is_near boolean)
    on commit drop;
create temporary table kept (identity_record_id text, node_id integer, is_near boolean)
    on commit drop;
"""


def begin(connection: psycopg.Connection) -> None:
    """Make tables scope and kept, empty, and settle how this transaction is planned."""
    connection.execute(_TABLES)


def seeds(
    connection: psycopg.Connection,
    changed: Changes,
    decisions: pyarrow.Table,
    crowded: set[tuple[str, str]],
) -> numpy.ndarray:
    """The nodes of every changed or crowded source key."""
    keys = changed.keys | crowded
    for decision in decisions.to_pylist():
        sides = {
            (decision[f"{side}_source_system"], decision[f"{side}_source_person_key"])
            for side in ("left", "right")
        }
        # a decision that waited for one of the two
        if sides & keys:
            keys |= sides
    store.copy_keys(connection, "seed", keys)
    return distinct(
        store.numbers(
            connection,
            "seed join linkage.source_record using (source_system, source_person_key)"
            " join linkage.variant using (record_number)",
            node_id="integer",
        )
    )


def crowded(
    connection: psycopg.Connection, fresh: pyarrow.Table, known: list[str]
) -> set[tuple[str, str]]:
    """Source keys of every record with a number that new records may have made nobody's."""
    delivered = sorted({*fresh["ssn"].to_pylist()} - {None, *known})
    # few numbers are nobody's: their records are read, and of the others nothing
    nobodys = connection.execute(
        f"select ssn from {records.SOURCE} where ssn = any(%s)"
        " group by ssn having count(distinct first_name) > %s",
        [delivered, records.MAX_NAMES_PER_SSN],
    ).fetchall()
    if not nobodys:
        return set()
    rows = connection.execute(
        f"select source_system, source_person_key from {records.SOURCE} where ssn = any(%s)",
        [[ssn for (ssn,) in nobodys]],
    )
    return set(rows.fetchall())


def having(connection: psycopg.Connection, keys: numpy.ndarray) -> numpy.ndarray:
    """key and node_id of every node that has one of `keys`."""
    connection.execute("create temporary table asked (key bigint) on commit drop")
    store.copy_numbers(connection, "asked", key=distinct(keys))
    connection.execute("analyze asked")
    having = store.numbers(
        connection,
        # a join each: of both tables together the server reads every row
        "(select key, node_id from asked join linkage.block_key using (key) union all"
        " select key, node_id from asked join linkage.later_block_key using (key)) as found"
        " where node_id not in (select node_id from linkage.vanished_node)",
        key="bigint",
        node_id="integer",
    )
    connection.execute("drop table asked")
    return having


def widen(connection: psycopg.Connection, nodes: numpy.ndarray, *, is_near: bool) -> None:
    """Add the whole regions of nodes to the scope."""
    _copy_met(connection, nodes)
    connection.execute(
        f"""
        insert into scope (node_id, region_id, is_near)
        select node_id, region_id, {is_near} from linkage.node
        where region_id in (
            select region_id from linkage.node where node_id in (select node_id from met)
        )
        on conflict (node_id) do nothing;
        drop table met;
        analyze scope
        """
    )


def _copy_met(connection: psycopg.Connection, nodes: numpy.ndarray) -> None:
    """Make table `met` (node_id)."""
    connection.execute("create temporary table met (node_id integer) on commit drop")
    store.copy_numbers(connection, "met", node_id=nodes.astype("int32"))
    connection.execute("analyze met")


def kept_records(connection: psycopg.Connection, *, is_near: bool) -> pyarrow.Table:
    """The records that are there still of those nodes of the scope that are near, or of the
    others, with node_id and is_near."""
    import pyarrow

    connection.execute(
        "insert into kept select identity_record_id, node_id, is_near"
        f" from linkage.variant join scope using (node_id) where is_near = {is_near};"
        "analyze kept"
    )
    return records.read(
        connection,
        f"(select {', '.join(records.COLUMNS)}, node_id, is_near::integer from {records.SOURCE}"
        f" join kept using (identity_record_id) where is_near = {is_near}) as looked_at",
        more={"node_id": pyarrow.int64(), "is_near": pyarrow.int8()},
    )


def placed(table: pyarrow.Table, *, node_id: int, is_near: int) -> pyarrow.Table:
    """The table with node_id and is_near, as kept_records has them."""
    import pyarrow

    for name, value, kind in (
        ("node_id", node_id, pyarrow.int64()),
        ("is_near", is_near, pyarrow.int8()),
    ):
        table = table.append_column(name, pyarrow.repeat(pyarrow.scalar(value, kind), len(table)))
    return table


def sizes(connection: psycopg.Connection) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Ids of the nodes that have records in `kept`, ascending, and how many each."""
    import numpy

    return numpy.unique(store.numbers(connection, "kept", node_id="integer"), return_counts=True)


def sketches(
    connection: psycopg.Connection, nodes: numpy.ndarray, kind: numpy.dtype
) -> numpy.ndarray:
    """node_id and sketch, of the dtype `kind`, of nodes, ascending by id."""
    import numpy

    _copy_met(connection, nodes)
    found = store.numbers(
        connection,
        "met join linkage.node_sketch using (node_id)",
        sketch=kind,
        node_id="integer",
    )
    connection.execute("drop table met")
    return found[numpy.argsort(found["node_id"])]


def nodes(connection: psycopg.Connection) -> numpy.ndarray:
    """Every node of the scope."""
    return store.numbers(connection, "scope", node_id="integer")


def next_node(connection: psycopg.Connection) -> int:
    """The first id that no node has or had since the last run on everybody: keys of nodes that
    vanished are still there."""
    return connection.execute(
        "select greatest(coalesce((select max(node_id) from linkage.node), 0),"
        " coalesce((select max(node_id) from linkage.vanished_node), 0)) + 1"
    ).fetchone()[0]
