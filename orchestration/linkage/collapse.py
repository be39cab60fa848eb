"""Records that agree exactly on a safe key become one node before anything is compared.

A safe key always holds a given name, so that twins, spouses and a parent and child who share
a number, an address or a surname never collapse. Add here: a safe key. Keep out: scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.linkage import overrides
from orchestration.linkage.encoding import MISSING, counting, known_range, mix, packed, starts

if TYPE_CHECKING:
    import duckdb
    import numpy

    from orchestration.linkage.encoding import Fields

# name of the rule -> the fields whose codes make the key; no record that lacks one of them has
# the key. 22,000 persons hold about 0.0001 chance namesakes born on the same day per person
# with the commonest names; a state of ten million about 0.06, which is why the guard below also
# asks that nothing else known about the group disagrees.
SAFE_KEYS = {
    "ssn+first+last": ("ssn", "fn", "ln"),
    "ssn+first+birth date": ("ssn", "fn", "dob"),
    "first+last+birth date": ("fn", "ln", "dob"),
    "first+birth date+address": ("fn", "dob", "addr"),
}
SAME_KEY = "same source key"
DECIDED = "steward's decision"

# Sources whose person key rests on a fingerprint: an alias with a false birth date under one
# key is still one person. Every other source may hand a used key to somebody else.
FINGERPRINTED = ("jail",)

# A group disagrees when it holds two values of one of these (Jr and Sr, two sexes, two numbers,
# two middle initials), or birth dates that differ in two of year, month and day.
ONE_VALUE = ("generation", "sex", "ssn", "ssn4", "mi")
DATE_PARTS_APART = 1

# A source key used for two persons: given names unlike, and birth dates or sexes unlike.
# Variants are compared pairwise, so keys with more variants than this are compared only
# with their first one (a key shared by thousands of rows is a placeholder, not a person).
MAX_VARIANTS = 40


def nodes(duck: duckdb.DuckDBPyConnection, fields: Fields) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Collapse table `record`, obeying table `decided`; returns per rid (node, rule).

    Nodes are numbered in the order of their first record. rule is an index into `rules()`,
    -1 where a record collapsed with nothing. Makes table `component_of` (rid, node).
    """
    import numpy

    count = fields.count
    edges = [
        _same_key_edges(duck, count),
        overrides.must_link(duck),
        *(_alike(fields, key) for key in SAFE_KEYS.values()),
    ]
    label = _joined(edges, count)

    # Two safe keys can chain two persons together. A component whose members disagree falls
    # back to its source keys and is left to the comparison of pairs.
    doubtful = numpy.concatenate([_disagreeing(fields, label), overrides.kept_apart(duck, label)])
    if len(doubtful):
        apart = numpy.zeros(count, dtype=bool)
        apart[doubtful] = True
        apart = apart[label]
        edges[2:] = [(left[~apart[left]], right[~apart[left]]) for left, right in edges[2:]]
        label = _fallen_back(label, apart, edges[:2])
    overrides.demand_consistent(duck, label)

    rule = numpy.full(count, -1, dtype="int8")
    # a key's own variants are the weakest reason to name, a steward's decision the strongest
    for number in (0, *range(len(edges) - 1, 0, -1)):
        for side in edges[number]:
            rule[side] = number
    register(duck, "component_of", rid=numpy.arange(count, dtype="int32"), node=label)
    return label, rule


def _alike(fields: Fields, key: tuple[str, ...]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Pairs (first record, other record) of every group that shares `key` and agrees."""
    import numpy

    has_key = fields.is_linkable.copy()
    for name in key:
        has_key &= fields.codes[name] >= 0
    rid = numpy.flatnonzero(has_key)
    if len(rid) < 2:
        return rid[:0], rid[:0]
    hashes = mix(*(fields.codes[name][rid] for name in key))
    together, bits = packed(hashes, rid, fields.count)
    rid = (together & numpy.uint64((1 << bits) - 1)).astype("int32")
    # the codes and not the shortened hash say what is one group
    same = numpy.ones(max(0, len(rid) - 1), dtype=bool)
    for name in key:
        code = fields.codes[name][rid]
        same &= code[1:] == code[:-1]
    in_group = numpy.concatenate([[False], same]) | numpy.concatenate([same, [False]])
    rid = rid[in_group]
    start = numpy.flatnonzero(~numpy.concatenate([[False], same])[in_group])
    if not len(start):
        return rid, rid
    size = numpy.diff(numpy.append(start, len(rid)))
    agrees = numpy.repeat(~_disagree(fields, rid, start), size)
    head = numpy.repeat(rid[start], size)
    edge = agrees & (head != rid)
    return head[edge], rid[edge]


def _disagreeing(fields: Fields, label: numpy.ndarray) -> numpy.ndarray:
    """Labels whose linkable records disagree."""
    import numpy

    rid = numpy.flatnonzero(fields.is_linkable & (numpy.bincount(label)[label] > 1))
    if not len(rid):
        return rid
    # in the order of label and record; sorting one integer costs a third of sorting positions
    together = (label[rid].astype("int64") << 32) | rid
    together.sort()
    of, rid = (together >> 32).astype("int32"), (together & 0xFFFFFFFF).astype("int32")
    start = starts(of)
    return of[start][_disagree(fields, rid, start)]


def _disagree(fields: Fields, rid: numpy.ndarray, start: numpy.ndarray) -> numpy.ndarray:
    """Per group of records (rid from each `start` to the next): does what is known disagree?"""
    import numpy

    wrong = numpy.zeros(len(start), dtype=bool)
    for name in ONE_VALUE:
        wrong |= _differ(fields.codes[name][rid], start)
    date = fields.codes["dob"][rid]
    other_date = numpy.flatnonzero(_differ(date, start) & ~wrong)
    if len(other_date):
        size = numpy.diff(numpy.append(start, len(rid)))[other_date]
        date = date[numpy.repeat(start[other_date], size) + counting(size)]
        within = numpy.cumsum(size) - size
        missing = date < 0
        apart = sum(
            _differ(numpy.where(missing, MISSING, part).astype("int32"), within).astype("int8")
            for part in (date // 10000, date // 100 % 100, date % 100)
        )
        wrong[other_date] = apart > DATE_PARTS_APART
    return wrong


def _differ(values: numpy.ndarray, start: numpy.ndarray) -> numpy.ndarray:
    """Per group: are two of its known values different?"""
    lowest, highest = known_range(values, start)
    return lowest != highest


def rules() -> tuple[str, ...]:
    """The names of the rules in the order `nodes` numbers them."""
    return (SAME_KEY, DECIDED, *SAFE_KEYS)


def _same_key_edges(
    duck: duckdb.DuckDBPyConnection, count: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Pairs of variants of one source key, save those of keys used for two persons."""
    import numpy

    hashes = duck.execute("select hash(source_system, source_person_key) as key from record")
    together, bits = packed(hashes.fetchnumpy()["key"], numpy.arange(count), count)
    same = starts(together >> numpy.uint64(bits))
    times = numpy.diff(numpy.append(same, count))
    again = numpy.repeat(times > 1, times)
    repeated = (together[again] & numpy.uint64((1 << bits) - 1)).astype("int32")
    if not len(repeated):
        return repeated, repeated
    repeated.sort()
    register(duck, "repeated", rid=repeated)
    found = duck.execute(
        f"""
        with variant as (
            select
                rid, source_system, word as fn, nullif(sex, -1) as sex,
                coalesce(forms, [record.fn]) as forms,
                cast(nullif(dob, -1) as varchar) as dob,
                min(rid) over of_key as head,
                count(*) over of_key as variants
            from record semi join repeated using (rid)
            left join name_word on code = record.fn
            left join (select given, list(form) as forms from given_form group by given)
                on given = record.fn
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
                    and not list_has_any(l.forms, r.forms),
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


def _fallen_back(
    label: numpy.ndarray,
    apart: numpy.ndarray,
    edges: list[tuple[numpy.ndarray, numpy.ndarray]],
) -> numpy.ndarray:
    """Components over `edges` among the records marked as apart, all others as they were."""
    import numpy

    count = len(label)
    within = numpy.flatnonzero(apart)
    place = numpy.full(count, -1, dtype="int32")
    place[within] = numpy.arange(len(within), dtype="int32")
    inner = _joined(
        [(place[left[apart[left]]], place[right[apart[left]]]) for left, right in edges],
        len(within),
    )
    # labels are numbered by their first record, inside and out
    first = starts(numpy.maximum.accumulate(label))[label]
    first[within] = within[starts(numpy.maximum.accumulate(inner))[inner]]
    is_first = first == numpy.arange(count)
    return (numpy.cumsum(is_first) - 1).astype("int32")[first]


def _joined(edges: list[tuple[numpy.ndarray, numpy.ndarray]], count: int) -> numpy.ndarray:
    import numpy

    from orchestration.linkage.clusters import components

    return components(
        numpy.concatenate([left for left, _ in edges]),
        numpy.concatenate([right for _, right in edges]),
        count,
    )


def register(duck: duckdb.DuckDBPyConnection, name: str, **columns: numpy.ndarray) -> None:
    """Make a DuckDB table of numpy columns. A table, not a view: plans over views flip."""
    import pyarrow

    duck.register("_incoming", pyarrow.table(columns))
    duck.execute(f"create or replace table {name} as select * from _incoming")
    duck.unregister("_incoming")
