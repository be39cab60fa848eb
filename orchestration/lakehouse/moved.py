"""Which models can be built on another engine, and what they start from.

Read from dbt's manifest, so a new model is in the right list without being named anywhere.
Add here: a rule on what may leave. Keep out: reading the warehouse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RELEASED = {"core", "panels", "marts"}
# What names a person or is meant for those who act on one never leaves PostgreSQL's row security.
_STAYS = {"restricted"}
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Table:
    """A table of the warehouse: the schema and name readers use."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Plan:
    """border: tables that cross over, seeds among them. models: what is built from them.

    keys: by model, the columns of its grain. read: by table of the border that lies below core,
    the words of all models that read it, so that only columns with such a name cross over.
    """

    border: tuple[Table, ...]
    models: tuple[Table, ...]
    keys: Mapping[Table, tuple[str, ...]]
    read: Mapping[Table, frozenset[str]]


def plan(manifest: Mapping[str, Any], *, from_staging: bool = False) -> Plan:
    """The plan for a manifest (the parsed target/manifest.json).

    A model of core, panels or marts can move when all it reads, through its ephemeral parts, is
    a seed or such a model. One that reads identity or staging is built in PostgreSQL: when a model
    that moves reads it, it is part of the border. from_staging: every model of core, panels and
    marts moves, and what they read of identity and staging is the border.
    """
    nodes = manifest["nodes"]
    words: dict[str, set[str]] = {}

    def parents(key: str) -> set[str]:
        found = set()
        called = nodes[key]["depends_on"].get("macros", [])
        texts = [manifest["macros"][name]["macro_sql"] for name in called if _is_ours(name)]
        spoken = set(_WORD.findall(" ".join([nodes[key]["raw_code"], *texts])))
        for parent in nodes[key]["depends_on"].get("nodes", []):
            words.setdefault(parent, set()).update(spoken)
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
    moved = {key for key, read in released.items() if read and (from_staging or read <= allowed)}
    border = set().union(*(released[key] for key in moved)) - moved
    return Plan(
        border=_tables(nodes, border),
        models=_tables(nodes, moved),
        keys={_table(nodes[key]): tuple(nodes[key]["config"]["meta"]["grain"]) for key in moved},
        read={
            _table(nodes[key]): frozenset(words[key])
            for key in border
            if nodes[key]["resource_type"] == "model" and nodes[key]["fqn"][1] not in RELEASED
        },
    )


def _is_ours(macro: str) -> bool:
    return macro.startswith("macro.lifecourse.")


def _is_seed(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "seed"


def _tables(nodes: Mapping[str, Any], keys: set[str]) -> tuple[Table, ...]:
    return tuple(sorted((_table(nodes[key]) for key in keys), key=str))


def _table(node: Mapping[str, Any]) -> Table:
    from orchestration.release import ASIDE

    return Table(node["schema"].removesuffix(ASIDE), node["alias"])
