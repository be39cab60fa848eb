"""Encoded records in a run: each goes to the person whose clear records its encoding is like.

To the engine an encoded record is one of which too little is known: alone in its cluster. Here
it is compared with the clear records, encoded under the same key, and its cluster becomes
theirs. Encodings are read, and never printed. Add here: what a run does with encodings. Keep out:
weights (encoded_links.py), writing (store.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestration.linkage import bloom, encoded_files, encoded_links, encoded_values, records

if TYPE_CHECKING:
    import duckdb
    import numpy
    import psycopg
    import pyarrow

    from orchestration.linkage import engine
    from orchestration.linkage.store import Key

# Columns of a clear record that are encoded to compare it.
CLEAR = (
    "first_name", "middle_name", "last_name", "birth_date", "birth_date_precision", "ssn",
    "address_key", "zip",
)  # fmt: skip
# A stretch of each is needed to tell anybody.
_NAMES, _PLACED_BY = ("first_name", "last_name"), ("birth_date", "ssn", "street_address")


def rules() -> tuple:
    """What makes the same encodings link otherwise when it changes."""
    return (
        bloom.SCHEME, encoded_links.WEIGHTS, encoded_links.LEAST_WEIGHT,
        encoded_links.LEAST_LEAD, encoded_links.UNLIKE, encoded_links.BLOCK_CAP,
    )  # fmt: skip


@dataclass(frozen=True)
class Link:
    """Where a source key went. node, other: nodes of the records that are most alike; other and
    weight are None when it went to nobody; evidence: what each field adds to the weight."""

    node: int
    other: int | None = None
    weight: float | None = None
    evidence: dict[str, float] | None = None
    is_linkable: bool = True


def read(connection: psycopg.Connection) -> dict[str, str]:
    """Encoding by identity_record_id; empty when no source delivers encodings."""
    return dict(
        connection.execute(
            f"select identity_record_id, encoding from {records.SOURCE} where encoding is not null"
        ).fetchall()
    )


def link(
    encodings: dict[str, str],
    table: pyarrow.Table,
    found: engine.Clusters,
    decided: list[tuple[str, int, int]],
    *,
    secret: bytes | None = None,
) -> tuple[engine.Clusters, dict[Key, Link]]:
    """The clusters with every encoded record in the one it belongs to, and why, by source key.

    table: records.read; encodings: of some of its records; decided: stewards' decisions (kind,
    rid, rid); secret: the key, when it is not the project's. Raises UsageError when the key is
    missing or is not the one they were made with.
    """
    import numpy

    if not encodings:
        return found, {}
    secret = secret or encoded_files.key()
    ids = table["identity_record_id"].to_pylist()
    rids = [rid for rid, own in enumerate(ids) if own in encodings]
    filters, hardened = bloom.read([encodings[ids[rid]] for rid in rids], secret)
    clear = numpy.array([rid for rid, own in enumerate(ids) if own not in encodings], dtype="int64")
    # joined with a clear record by a steward: nothing is left to find out
    joined = set(found.node[clear].tolist())
    cluster = found.cluster.copy()
    links: dict[Key, Link] = {}
    for hardening in sorted(set(hardened)):
        rows = [
            row
            for row, (rid, how) in enumerate(zip(rids, hardened, strict=True))
            if how == hardening and int(found.node[rid]) not in joined
        ]
        if rows:
            links |= _linked(
                filters[rows], [rids[row] for row in rows], clear, table, cluster, found,
                hardening=hardening, secret=secret, decided=decided,
            )  # fmt: skip
    return replace(found, cluster=cluster), links


def _linked(
    filters: numpy.ndarray,
    rids: list[int],
    clear: numpy.ndarray,
    table: pyarrow.Table,
    cluster: numpy.ndarray,
    found: engine.Clusters,
    *,
    hardening: bloom.Hardening,
    secret: bytes,
    decided: list[tuple[str, int, int]],
) -> dict[Key, Link]:
    """Links of the keys of records hardened alike; `cluster` (per rid) is changed in place."""
    import numpy

    others = bloom.encode(
        encoded_values.of_identity_records(
            {name: table[name].take(clear).to_pylist() for name in CLEAR}
        ),
        secret,
        replace(hardening, flip=0),
    )
    systems = table["source_system"].to_pylist()
    names = table["source_person_key"].to_pylist()
    rows_of: dict[Key, list[int]] = defaultdict(list)
    for row, rid in enumerate(rids):
        rows_of[systems[rid], names[rid]].append(row)
    parted: dict[Key, set[int]] = defaultdict(set)
    for kind, left, right in decided:
        for own, other in ((left, right), (right, left)) if kind == "cannot_link" else ():
            parted[systems[own], names[own]].add(other)
    group, barred = found.cluster[clear], set()
    for key, rows in rows_of.items():
        away = {int(found.cluster[rid]) for rid in parted[key]} if key in parted else set()
        barred |= {(row, apart) for row in rows for apart in away}

    matches = encoded_links.match(
        filters, others, group, flip=hardening.flip, barred=frozenset(barred)
    )
    links, alone = {}, []
    for key, rows in rows_of.items():
        row = max(rows, key=lambda row: (matches.group[row] >= 0, matches.weight[row], row))
        if matches.group[row] < 0:
            alone.append((key, _newest(rows, rids, table)))
            continue
        cluster[[rids[own] for own in rows]] = matches.group[row]
        best = int(matches.best[row])
        links[key] = Link(
            int(found.node[rids[row]]),
            int(found.node[clear[best]]),
            float(matches.weight[row]),
            _evidence(filters[[row]], others[[best]], flip=hardening.flip),
        )
    return links | _alone(
        alone, filters, rids, cluster, found, rows_of, parted,
        flip=hardening.flip, population=len(numpy.unique(group)),
    )  # fmt: skip


def _alone(
    alone: list[tuple[Key, int]],
    filters: numpy.ndarray,
    rids: list[int],
    cluster: numpy.ndarray,
    found: engine.Clusters,
    rows_of: dict[Key, list[int]],
    parted: dict[Key, set[int]],
    *,
    flip: int,
    population: int,
) -> dict[Key, Link]:
    """Keys that nobody clear belongs to, each with its newest row, compared with each other."""
    at = {rids[row]: number for number, (key, _) in enumerate(alone) for row in rows_of[key]}
    barred = {
        tuple(sorted((number, at[rid])))
        for number, (key, _) in enumerate(alone)
        for rid in parted.get(key, ())
        if rid in at
    }
    rows = [row for _, row in alone]
    label = encoded_links.among(
        filters[rows], flip=flip, population=population, barred=frozenset(barred)
    )
    links = {}
    for number, (key, row) in enumerate(alone):
        first = rows[label[number]]
        cluster[[rids[own] for own in rows_of[key]]] = found.cluster[rids[first]]
        node = int(found.node[rids[row]])
        if first == row:
            links[key] = Link(node, is_linkable=_is_linkable(filters[row]))
            continue
        one, other = filters[[row]], filters[[first]]
        told = _evidence(one, other, flip=flip, other_flip=flip)
        links[key] = Link(
            node, int(found.node[rids[first]]),
            sum(told.values()) - encoded_links.prior(population), told,
        )  # fmt: skip
    return links


def _newest(rows: list[int], rids: list[int], table: pyarrow.Table) -> int:
    load = table["last_load_id"]
    return max(rows, key=lambda row: (int(load[rids[row]].as_py() or 0), row))


def _evidence(one: numpy.ndarray, other: numpy.ndarray, **flips: int) -> dict[str, float]:
    told = encoded_links.evidence(one, other, **flips)
    return {f"encoded {name}": round(float(value[0]), 3) for name, value in told.items()}


def _is_linkable(row: numpy.ndarray) -> bool:
    where = bloom.stretches()
    return any(row[where[name]].any() for name in _NAMES) and any(
        row[where[name]].any() for name in _PLACED_BY
    )


def decisions(duck: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int]]:
    """Stewards' decisions as (kind, rid, rid), from table `decided`."""
    return duck.execute("select kind, l, r from decided order by override_id").fetchall()


def told(sources: pyarrow.Table, links: dict[Key, Link]) -> pyarrow.Table:
    """The source records with method, rule and weight of those that were linked by encoding."""
    import pyarrow

    if not links:
        return sources
    rows = sources.to_pylist()
    for row in rows:
        link = links.get((row["source_system"], row["source_person_key"]))
        if link is None:
            continue
        if link.other is not None:
            row.update(method="pprl", rule="encoding", match_weight=round(link.weight, 3))
        elif link.is_linkable:
            row.update(method="single", rule="no match")
    return pyarrow.Table.from_pylist(rows, schema=sources.schema)


def with_edges(
    edges: pyarrow.Table, links: dict[Key, Link], node_id: numpy.ndarray
) -> pyarrow.Table:
    """The evidence of outcome.edges and that of the links; node_id: what a node is kept under."""
    import json

    import pyarrow

    best: dict[tuple[int, int], dict] = {}
    for link in links.values():
        if link.other is None or link.other == link.node:
            continue
        pair = tuple(sorted((int(node_id[link.node]), int(node_id[link.other]))))
        row = {
            "left_node": pair[0], "right_node": pair[1], "match_weight": round(link.weight, 3),
            "evidence": json.dumps(link.evidence), "decision": "linked", "veto": None,
            "doubt": None,
        }  # fmt: skip
        if pair not in best or best[pair]["match_weight"] < row["match_weight"]:
            best[pair] = row
    added = pyarrow.Table.from_pylist([best[pair] for pair in sorted(best)], schema=edges.schema)
    return pyarrow.concat_tables([edges, added])
