"""Which level of each comparison a scored pair fell into, worked out again on demand.

A run keeps weights only: levels of every pair would double its evidence, and are asked for by
the handful. Add here: what else of a pair can be told again. Keep out: weights.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestration.linkage import collapse, encoding, engine, nodes, records

if TYPE_CHECKING:
    import psycopg

    from orchestration.linkage.model import Model

Pair = tuple[int, int]


def of_pairs(
    connection: psycopg.Connection, model: Model, pairs: list[Pair]
) -> dict[Pair, dict[str, str]]:
    """Per pair of node ids {comparison: label of its level}; a pair whose records changed since
    the last run is left out."""
    if not pairs:
        return {}
    import numpy
    import pyarrow

    wanted = sorted({node for pair in pairs for node in pair})
    connection.execute("create temporary table wanted (node_id integer) on commit drop")
    with connection.cursor().copy("copy wanted from stdin") as copy:
        for node in wanted:
            copy.write_row((node,))
    node_of = dict(
        connection.execute(
            "select identity_record_id, node_id from linkage.variant join wanted using (node_id)"
        ).fetchall()
    )
    table = records.read(
        connection,
        only="identity_record_id in"
        " (select identity_record_id from linkage.variant join wanted using (node_id))",
    )
    present = [node_of[found] for found in table["identity_record_id"].to_pylist()]
    position = {node: number for number, node in enumerate(sorted(set(present)))}
    delivered, formed = Counter(present), Counter(node_of.values())
    whole = {node for node in formed if delivered[node] == formed[node]}
    duck = engine.memory()
    try:
        records.prepare(duck, table)
        of = numpy.array([position[node] for node in present], dtype="int32")
        collapse.register(duck, "component_of", rid=table["rid"].to_numpy(), node=of)
        fields = encoding.encode(duck)
        known = nodes.consensus(fields, of, numpy.unique(of))
        nodes.build(duck, fields, known, model.frequencies)
        known = [pair for pair in pairs if whole.issuperset(pair)]
        duck.register(
            "asked",
            pyarrow.table(
                {
                    "l": pyarrow.array([position[left] for left, _ in known], pyarrow.int32()),
                    "r": pyarrow.array([position[right] for _, right in known], pyarrow.int32()),
                }
            ),
        )
        comparisons = model.splink["comparisons"]
        told = ", ".join(
            f"{_label(comparison)} as {comparison['output_column_name']}"
            for comparison in comparisons
        )
        fields = [row[0] for row in duck.execute("describe node").fetchall()]
        both = ", ".join(f"l.{name} as {name}_l, r.{name} as {name}_r" for name in fields)
        rows = duck.execute(
            f"with seen as (select asked.l as left_node, asked.r as right_node, {both} from asked"
            " join node as l on l.node_id = asked.l join node as r on r.node_id = asked.r)"
            f" select left_node, right_node, {told} from seen"
        ).fetchall()
    finally:
        duck.close()
    name_of = {number: node for node, number in position.items()}
    names = [comparison["output_column_name"] for comparison in comparisons]
    return {
        (name_of[row[0]], name_of[row[1]]): dict(zip(names, row[2:], strict=True)) for row in rows
    }


def _label(comparison: dict) -> str:
    """SQL: the label of the first level that holds."""
    cases = []
    otherwise = "null"
    for level in comparison["comparison_levels"]:
        label = "'" + level["label_for_charts"].replace("'", "''") + "'"
        if level["sql_condition"].strip().upper() == "ELSE":
            otherwise = label
        else:
            cases.append(f"when {level['sql_condition']} then {label}")
    return f"case {' '.join(cases)} else {otherwise} end"
