"""One row per node: the consensus of its records, ready for Splink.

A node's single values are the commonest among its records (a typing error is voted out);
its lists keep every value, so that a maiden name or a former address still agrees.
Add here: a field a comparison needs. Keep out: comparisons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# Ties go to the greatest value: mode() would pick by thread, and ids would not repeat.
_SINGLE = ("fn", "mn", "mi", "ln", "dob", "ym", "yr", "ssn", "ssn4", "sex", "generation")
_LISTS = {
    "fn_all": "fn",
    "dob_all": "dob",
    "ssn_all": "ssn",
    "ssn4_all": "ssn4",
    "addr_all": "addr",
    "plurality_all": "plurality_order",
}
_LISTS_OF_LISTS = {"fn_forms": "fn_forms", "ln_all": "surnames"}
_SPECIAL = {
    # a birth or death certificate is one person's, once; so is a place on one birth record
    "births": "case when source_system = 'vital_child' then source_person_key end",
    "deaths": "case when source_system = 'vital_death' then source_person_key end",
    "parent_of": "case when source_system in ('vital_mother', 'vital_father')"
    " then source_system || ' ' || source_person_key end",
}
# A node with more values than this is a placeholder; longer lists only cost time.
MAX_LIST = 60


def build(duck: duckdb.DuckDBPyConnection, frequencies: dict[str, dict]) -> None:
    """Make table `node` from `record` and `component_of`, with the model's name frequencies.

    frequencies: {"fn": {"floor": share, "shares": {name: share}}, "ln": ...}. Frozen with
    the model, so that a record added today moves no weight of yesterday's pairs.
    """
    import pyarrow

    for column in ("fn", "ln"):
        shares = frequencies[column]["shares"]
        duck.register(
            "_shares",
            pyarrow.table(
                {
                    "name": pyarrow.array(list(shares), pyarrow.string()),
                    "share": pyarrow.array(list(shares.values()), pyarrow.float64()),
                }
            ),
        )
        duck.execute(f"create or replace table share_{column} as select * from _shares")
        duck.unregister("_shares")

    cells = " union all ".join(
        f"select node, '{field}' as field, cast({field} as varchar) as value, count(*) as times"
        f" from member where {field} is not null group by all"
        for field in _SINGLE
    )
    single = ",\n".join(
        f"max(best.value) filter (where field = '{field}') as {field}" for field in _SINGLE
    )
    lists = ",\n".join(
        f"list_sort(list_distinct(list({column}) filter ({column} is not null)))[:{MAX_LIST}]"
        f" as {name}"
        for name, column in {**_LISTS, **_SPECIAL}.items()
    )
    nested = ",\n".join(
        f"list_sort(list_distinct(flatten(list({column}) filter ({column} is not null))))"
        f"[:{MAX_LIST}] as {name}"
        for name, column in _LISTS_OF_LISTS.items()
    )
    empty = [*_LISTS, *_LISTS_OF_LISTS, *_SPECIAL]
    duck.execute(
        "create or replace table member as"
        " select record.*, component_of.node from record join component_of using (rid)"
    )
    duck.execute(
        f"""
        create or replace table node as
        with cell as ({cells}),
        chosen as (
            select node, field, max({{'times': times, 'value': value}}) as best
            from cell group by node, field
        ),
        consensus as (select node, {single} from chosen group by node),
        kept as (
            select
                node, min(rid) as first_rid, bool_or(is_linkable) as is_linkable,
                {lists},
                {nested}
            from member group by node
        )
        select
            kept.node as node_id,
            kept.first_rid,
            kept.is_linkable,
            consensus.* exclude (node),
            {", ".join(f"case when len({name}) > 0 then {name} end as {name}" for name in empty)},
            case when fn is not null
                then coalesce(share_fn.share, {frequencies["fn"]["floor"]}) end as tf_fn,
            case when ln is not null
                then coalesce(share_ln.share, {frequencies["ln"]["floor"]}) end as tf_ln
        from kept
        left join consensus using (node)
        left join share_fn on share_fn.name = consensus.fn
        left join share_ln on share_ln.name = consensus.ln
        order by node_id
        """
    )
