"""Which models can be built on another engine, and what they start from.

Read from dbt's manifest, so a new model is in the right list without being named anywhere.
Add here: a rule on what may leave. Keep out: reading the warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RELEASED = {"core", "panels", "marts"}
# What names a person or is meant for those who act on one never leaves PostgreSQL's row security.
_STAYS = {"restricted"}


@dataclass(frozen=True)
class Table:
    """A table of the warehouse: the schema and name readers use."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Plan:
    """border: tables that cross over, seeds among them. models: what is built from them."""

    border: tuple[Table, ...]
    models: tuple[Table, ...]


def plan(manifest: Mapping[str, Any]) -> Plan:
    """The plan for a manifest (the parsed target/manifest.json).

    A model of core, panels or marts can move when all it reads, through its ephemeral parts, is
    a seed or such a model. One that reads identity or staging is built in PostgreSQL: when a model
    that moves reads it, it is part of the border.
    """
    nodes = manifest["nodes"]

    def parents(key: str) -> set[str]:
        found = set()
        for parent in nodes[key]["depends_on"].get("nodes", []):
            if parent in nodes and nodes[parent]["config"].get("materialized") == "ephemeral":
                found |= parents(parent)
            else:
                found.add(parent)
        return found

    released = {
        key: parents(key)
        for key, node in nodes.items()
        if node["resource_type"] == "model"
        and node["fqn"][1] in RELEASED
        and not _STAYS & set(node["fqn"])
        and node["config"].get("materialized") != "ephemeral"
    }
    allowed = set(released) | {key for key, node in nodes.items() if _is_seed(node)}
    moved = {key for key, read in released.items() if read and read <= allowed}
    border = set().union(*(released[key] for key in moved)) - moved
    return Plan(
        border=_tables(nodes, border),
        models=_tables(nodes, moved),
    )


def _is_seed(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "seed"


def _tables(nodes: Mapping[str, Any], keys: set[str]) -> tuple[Table, ...]:
    from orchestration.release import ASIDE

    tables = (Table(nodes[key]["schema"].removesuffix(ASIDE), nodes[key]["alias"]) for key in keys)
    return tuple(sorted(tables, key=str))
