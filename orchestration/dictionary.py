"""The public data dictionary: what there is, what is protected, and what cannot be had and why.

Made of the contracts and dbt's manifest alone, so it cannot say anything that they do not. Add
here: a column of the dictionary. Keep out: anything written by hand about one table or column; a
person's value.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.landing.contracts import Contract

PUBLISHED = ("core", "panels", "marts")
_IDENTIFIER = "Identifies people; it stays in staging and identity and is used for linkage alone."
_RESTRICTED = "Restricted by its contract; it stays in staging and identity."
_ASSET = "The contract keeps the whole file from the data system."
_UNUSED = "Delivered and checked, but no published table is made of the file yet."
_RESTRICTED_MART = "Only the role that an agreement in force names may read it."


@dataclass(frozen=True)
class Entry:
    """One column. availability: open, protected or unavailable; reason says why it is not open."""

    layer: str
    table: str
    column: str
    data_type: str
    definition: str
    source_agencies: str
    sensitivity: str
    availability: str
    reason: str
    legal_basis: str
    refresh_frequency: str
    first_day: str
    last_day: str
    steward: str


def entries(
    contracts: Iterable[Contract],
    manifest: Mapping[str, Any],
    coverage: Mapping[str, tuple[str, str]] | None = None,
) -> list[Entry]:
    """Every column of core, panels and marts, then every column that an agency delivers.

    manifest: dbt's manifest.json. coverage: first and last day that each source system covers,
    where a release is there to ask. A published column names the agencies whose files its table is
    made of; its legal bases are theirs.
    """
    contracts = sorted(contracts, key=lambda contract: (contract.agency, contract.file))
    by_agency: dict[str, list[Contract]] = {}
    for contract in contracts:
        by_agency.setdefault(contract.agency, []).append(contract)
    models = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and node["fqn"][1] in PUBLISHED
        # an agency's part of a table is no table
        and node["config"]["materialized"] != "ephemeral"
    }
    sources = {key: _sources(key, manifest) for key in models}
    used = set().union(*sources.values()) if sources else set()
    found = [
        _published(node, column, sources[key], by_agency, coverage or {})
        for key, node in sorted(models.items(), key=lambda item: item[1]["fqn"])
        for column in node["columns"].values()
    ]
    return found + [
        _delivered(contract, table, column, (contract.agency, table.name) in used)
        for contract in contracts
        for table in contract.tables
        for column in table.columns
    ]


def _sources(key: str, manifest: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(agency, table) of every delivered table that a model is made of, however far up."""
    found: set[tuple[str, str]] = set()
    seen, waiting = set(), [key]
    while waiting:
        # a seed depends on no node, and says so by leaving the list out
        node = manifest["nodes"].get(waiting.pop(), {})
        for parent in node.get("depends_on", {}).get("nodes", []):
            if parent in manifest["sources"]:
                source = manifest["sources"][parent]
                found.add((source["source_name"], source["name"]))
            elif parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return found


def _published(node, column, sources, by_agency, coverage) -> Entry:
    layer = node["fqn"][1]
    sensitivity = node["config"]["meta"]["sensitivity"]
    agencies = sorted({agency for agency, _ in sources if agency in by_agency})
    is_restricted = layer == "marts" and node["fqn"][2] == "restricted"
    spans = [coverage[agency] for agency in agencies if agency in coverage]
    return Entry(
        layer=layer,
        table=node["name"],
        column=column["name"],
        data_type=column.get("data_type") or "",
        # a doc block ends in a line break
        definition=" ".join(column["description"].split()),
        source_agencies=" ".join(agencies),
        sensitivity=sensitivity,
        availability="unavailable" if is_restricted else _availability(sensitivity),
        reason=_RESTRICTED_MART
        if is_restricted
        else ""
        if sensitivity == "open"
        else "Rows of persons: by an approved project.",
        legal_basis=" | ".join(
            sorted({contract.legal_authority for a in agencies for contract in by_agency[a]})
        ),
        refresh_frequency="",
        first_day=min((first for first, _ in spans), default=""),
        last_day=max((last for _, last in spans), default=""),
        steward=node["config"]["meta"]["steward"],
    )


def _availability(sensitivity: str) -> str:
    return "open" if sensitivity == "open" else "protected"


def _delivered(contract, table, column, is_used: bool) -> Entry:
    if contract.access_class == "unavailable":
        availability, reason = "unavailable", _ASSET
    elif column.role == "identifier":
        availability, reason = "unavailable", _IDENTIFIER
    elif column.classification == "restricted":
        availability, reason = "unavailable", _RESTRICTED
    elif not is_used:
        availability, reason = "unavailable", _UNUSED
    else:
        availability, reason = "protected", "Reaches readers through the published tables alone."
    return Entry(
        layer="delivered",
        table=f"{contract.agency}/{table.name}",
        column=column.name,
        data_type=column.logical_type,
        definition=" ".join(column.description.split()),
        source_agencies=contract.agency,
        sensitivity=column.classification,
        availability=availability,
        reason=reason,
        legal_basis=contract.legal_authority,
        refresh_frequency=contract.frequency or "",
        first_day="",
        last_day="",
        steward=contract.steward,
    )


def write(found: list[Entry], folder: Path) -> dict[str, Path]:
    """data_dictionary.csv, .json and .html in `folder`; the page opens offline."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(Entry)]
    paths = {kind: folder / f"data_dictionary.{kind}" for kind in ("csv", "json", "html")}
    with paths["csv"].open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(entry) for entry in found)
    paths["json"].write_text(
        json.dumps([asdict(entry) for entry in found], indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    shown = ("table", "column", "data_type", "definition", "source_agencies", "availability",
             "reason", "first_day", "last_day")  # fmt: skip
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in shown)
    body = "\n".join(
        f'<tr class="{entry.availability}">'
        + "".join(f"<td>{escape(getattr(entry, name))}</td>" for name in shown)
        + "</tr>"
        for entry in found
    )
    paths["html"].write_text(_PAGE.format(head=head, body=body), encoding="utf-8")
    return paths


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Data dictionary</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; }}
table {{ border-collapse: collapse; }}
td, th {{ border-bottom: 1px solid #ccc; padding: .25rem .5rem; text-align: left;
  vertical-align: top; }}
.unavailable {{ color: #777; }}
</style>
<h1>Data dictionary</h1>
<p>Every column that is published, then every column that agencies deliver, with what cannot be
had and why. Made from the contracts and the models.</p>
<table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></html>
"""
