"""Records that agree exactly on a safe key become one node before anything is compared.

A safe key always holds a given name, so that twins, spouses and a parent and child who share
a number, an address or a surname never collapse. Add here: a safe key. Keep out: scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage import overrides

if TYPE_CHECKING:
    import duckdb
    import numpy

# name of the rule -> SQL of the key, null where a part is missing. `fn || ...` is null
# when any part is. 22,000 persons hold about 0.0001 chance namesakes born on the same day per
# person with the commonest names; a state of ten million about 0.06, which is why the guard
# below also asks that nothing else known about the group disagrees.
SAFE_KEYS = {
    "ssn+first+last": "ssn || '|' || fn || '|' || ln",
    "ssn+first+birth date": "ssn || '|' || fn || '|' || dob",
    "first+last+birth date": "fn || '|' || ln || '|' || dob",
    "first+birth date+address": "fn || '|' || dob || '|' || addr",
}
SAME_KEY = "same source key"
DECIDED = "steward's decision"

# Sources whose person key rests on a fingerprint: an alias with a false birth date under one
# key is still one person. Every other source may hand a used key to somebody else.
FINGERPRINTED = ("jail",)

# A group disagrees when it holds two generations (Jr and Sr), two sexes, two social security
# numbers, two middle initials, or birth dates that differ in two of year, month and day.
# min and max rather than count(distinct): a tenth of the time and a hundredth of the memory.
AGREES = """
    coalesce(min(generation) = max(generation), true)
    and coalesce(min(sex) = max(sex), true)
    and coalesce(min(ssn) = max(ssn), true)
    and coalesce(min(ssn4) = max(ssn4), true)
    and coalesce(min(mi) = max(mi), true)
    and coalesce(min(left(dob, 4)) <> max(left(dob, 4)), false)::integer
        + coalesce(min(substr(dob, 5, 2)) <> max(substr(dob, 5, 2)), false)::integer
        + coalesce(min(right(dob, 2)) <> max(right(dob, 2)), false)::integer <= 1
"""

# A source key used for two persons: given names unlike, and birth dates or sexes unlike.
# Variants are compared pairwise, so keys with more variants than this are compared only
# with their first one (a key shared by thousands of rows is a placeholder, not a person).
MAX_VARIANTS = 40


def nodes(duck: duckdb.DuckDBPyConnection) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Collapse table `record`, obeying table `decided`; returns per rid (node, rule).

    Nodes are numbered in the order of their first record. rule is an index into `rules()`,
    -1 where a record collapsed with nothing.
    """
    import numpy

    count = duck.execute("select count(*) from record").fetchall()[0][0]
    by_key = _same_key_edges(duck)
    decided = overrides.must_link(duck)
    safe = [
        duck.execute(
            f"""
            with keyed as (
                select rid, {key} as safe_key, generation, sex, ssn, ssn4, mi, dob
                from record where is_linkable
            ),
            alike as (
                select safe_key, min(rid) as head
                from keyed where safe_key is not null
                group by safe_key having count(*) > 1 and {AGREES}
            )
            select head, rid from keyed join alike using (safe_key)
            where rid <> head order by head, rid
            """
        ).fetchnumpy()
        for key in SAFE_KEYS.values()
    ]
    edges = [by_key, decided, *((e["head"], e["rid"]) for e in safe)]
    label = _joined(edges, count)

    # Two safe keys can chain two persons together. A component whose members disagree falls
    # back to its source keys and is left to the comparison of pairs.
    _register(duck, "component_of", rid=numpy.arange(count, dtype="int32"), node=label)
    doubtful = duck.execute(
        f"""
        select node from record join component_of using (rid)
        where is_linkable group by node having not ({AGREES}) order by node
        """
    ).fetchnumpy()["node"]
    doubtful = numpy.concatenate([doubtful, overrides.kept_apart(duck, label)])
    if len(doubtful):
        keep = ~numpy.isin(label, doubtful)
        edges[2:] = [(left[keep[left]], right[keep[left]]) for left, right in edges[2:]]
        label = _joined(edges, count)
    overrides.demand_consistent(duck, label)

    rule = numpy.full(count, -1, dtype="int8")
    # a key's own variants are the weakest reason to name, a steward's decision the strongest
    for number in (0, *range(len(edges) - 1, 0, -1)):
        for side in edges[number]:
            rule[side] = number
    _register(duck, "component_of", rid=numpy.arange(count, dtype="int32"), node=label)
    return label, rule


def rules() -> tuple[str, ...]:
    """The names of the rules in the order `nodes` numbers them."""
    return (SAME_KEY, DECIDED, *SAFE_KEYS)


def _same_key_edges(
    duck: duckdb.DuckDBPyConnection,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Pairs of variants of one source key, save those of keys used for two persons."""
    found = duck.execute(
        f"""
        with variant as (
            select
                rid, source_system, fn, fn_forms, sex, dob,
                min(rid) over of_key as head,
                count(*) over of_key as variants
            from record
            window of_key as (partition by source_system, source_person_key)
        ),
        pair as (
            select l, r from variant as l
            join variant as r on l.rid = r.head and l.rid < r.rid
            union all
            select l, r from variant as l
            join variant as r on l.head = r.head and l.rid < r.rid
            where l.rid <> l.head and l.variants <= {MAX_VARIANTS}
        ),
        compared as (
            select
                l.head as head, l.rid as left_rid, r.rid as right_rid,
                coalesce(
                    jaro_winkler_similarity(l.fn, r.fn) < 0.8
                    and not list_has_any(l.fn_forms, r.fn_forms),
                    false
                ) as other_name,
                l.source_system not in {_sql_list(FINGERPRINTED)}
                and other_name
                and coalesce(
                    l.sex <> r.sex
                    or (hamming(l.dob, r.dob) > 2 and left(l.dob, 4) <> left(r.dob, 4)),
                    false
                ) as other_person
            from pair
        ),
        judged as (
            select *, bool_or(other_person) over (partition by head) as used_twice from compared
        )
        select left_rid, right_rid from judged
        where not (used_twice and other_name)
        order by left_rid, right_rid
        """
    ).fetchnumpy()
    return found["left_rid"], found["right_rid"]


def _sql_list(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _joined(edges: list[tuple[numpy.ndarray, numpy.ndarray]], count: int) -> numpy.ndarray:
    import numpy

    from orchestration.linkage.clusters import components

    return components(
        numpy.concatenate([left for left, _ in edges]),
        numpy.concatenate([right for _, right in edges]),
        count,
    )


def _register(duck: duckdb.DuckDBPyConnection, name: str, **columns: numpy.ndarray) -> None:
    """Make a DuckDB table of numpy columns. A table, not a view: plans over views flip."""
    import pyarrow

    duck.register("_incoming", pyarrow.table(columns))
    duck.execute(f"create or replace table {name} as select * from _incoming")
    duck.unregister("_incoming")
