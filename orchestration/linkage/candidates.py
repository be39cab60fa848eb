"""Which pairs of nodes are worth comparing: they share a block.

Add here: a blocking key. Keep out: judgement; a block only proposes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# name -> SELECT of (value, node_id). A null value proposes nothing. Two fields or more each,
# except where one field is nearly a person's own.
BLOCKS = {
    "ssn": "select unnest(ssn_all) as value, node_id from comparable",
    "ssn last 4, first initial": """
        select unnest(ssn4_all) || left(fn, 1) as value, node_id from comparable""",
    "ssn last 4, surname": """
        select ssn4 || '|' || unnest(ln_all) as value, node_id
        from (select unnest(ssn4_all) as ssn4, ln_all, node_id from comparable)""",
    "both names, either order": """
        select least(fn, ln) || '|' || greatest(fn, ln) as value, node_id from (
            select fn, unnest(ln_all) as ln, node_id
            from (select unnest(fn_all) as fn, ln_all, node_id from comparable)
        )""",
    "formal first name, surname": """
        select form || '|' || unnest(ln_all) as value, node_id
        from (select unnest(fn_forms) as form, ln_all, node_id from comparable)""",
    "birth date, first initial": """
        select unnest(dob_all) || left(fn, 1) as value, node_id from comparable""",
    "birth date, surname start": """
        select dob || '|' || left(unnest(ln_all), 2) as value, node_id
        from (select unnest(dob_all) as dob, ln_all, node_id from comparable)""",
    "birth month, formal first name": """
        select ym || '|' || unnest(fn_forms) as value, node_id from comparable""",
    "day and month of birth, both names start": """
        select right(dob, 4) || left(fn, 2) || left(ln, 2) as value, node_id from comparable""",
    "birth year, both names start": """
        select yr || left(fn, 3) || left(ln, 3) as value, node_id from comparable""",
    "address, first name start": """
        select unnest(addr_all) || '|' || left(fn, 2) as value, node_id from comparable""",
    "address, birth year": """
        select unnest(addr_all) || '|' || yr as value, node_id from comparable""",
}


def pairs(duck: duckdb.DuckDBPyConnection, cap: int) -> int:
    """Make table `candidate` (l, r) of node pairs that share a block; returns their number.

    A block of more than `cap` nodes proposes nothing: it is a placeholder, an institution's
    address or a very common name, and another block finds its true pairs.
    """
    duck.execute("create or replace view comparable as select * from node where is_linkable")
    union = " union all ".join(
        f"select distinct {number}::utinyint as block, hash(value) as value, node_id"
        f" from ({select}) where value is not null"
        for number, select in enumerate(BLOCKS.values())
    )
    duck.execute(f"create or replace table block as {union}")
    duck.execute(
        f"""
        create or replace table candidate as
        with sized as (
            select block, value from block group by block, value
            having count(*) between 2 and {cap}
        ),
        proposing as (select block.* from block join sized using (block, value))
        select distinct l.node_id as l, r.node_id as r
        from proposing as l
        join proposing as r
            on l.block = r.block and l.value = r.value and l.node_id < r.node_id
        """
    )
    return duck.execute("select count(*) from candidate").fetchall()[0][0]
