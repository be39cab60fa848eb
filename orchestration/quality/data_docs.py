"""Data Docs: the verdicts as pages that open from disk, without a network.

One page for the latest accepted load of each file, one for every held load, one for each core
table, and an index. Sentences of native expectations are Great Expectations' own, rendered when
the gate ran (engine); the page is ours (data_docs_page). Add here: what a page shows. Keep out:
judging, and anything of a delivered row, which the tables read here do not hold.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import warehouse
from orchestration.quality import data_docs_page as page
from orchestration.quality.results import ensure_table
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

_WORDS = {
    "not_applicable": "not applicable",
    "warned": "accepted, with warnings",
    "overridden": "accepted by override",
}
_ORDER = {"failed": 0, "error": 1, "passed": 2, "not_applicable": 3}
_SEVERITY = {"critical": 0, "warning": 1, "info": 2}
_REJECTED_SHOWN = 20


@dataclass
class _Shown:
    """One page: a load, or a core table."""

    load_id: int | None
    agency: str
    file: str
    period: str
    delivery: str
    rows: str
    verdict: str
    reason: str
    received: str
    href: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rules(self) -> int:
        return len(self.results)

    @property
    def open(self) -> int:
        return sum(r["status"] in ("failed", "error") for r in self.results)

    @property
    def idle(self) -> int:
        return sum(r["status"] == "not_applicable" for r in self.results)

    @property
    def lines(self) -> list[str]:
        """The message of each rule that keeps the load from being published."""
        return [
            r["line"]
            for r in self.results
            if r["severity"] == "critical" and r["status"] in ("failed", "error")
        ]


def build_data_docs(settings: Settings) -> Path:
    """Write the pages under <docs>/data_docs and return the index.

    Replaces the pages as a whole; does nothing when no load was decided and no gate run since
    they were built.
    """
    folder = settings.docs / "data_docs"
    index = folder / "index.html"
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        ensure_table(connection)
        state = _state(connection)
        stamp = folder / ".state"
        if index.exists() and stamp.exists() and stamp.read_text() == state:
            return index
        loads = _loads(connection)
        core = _core(connection)
        rejected = _rejected(connection)
        built = connection.execute("select to_char(now(), 'YYYY-MM-DD HH24:MI')").fetchone()[0]
        connection.commit()
    fresh = folder.with_name("data_docs.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _write(fresh, loads, core, rejected, built)
    (fresh / ".state").write_text(state)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return index


def _state(connection: psycopg.Connection) -> str:
    """What the pages depend on, as one text."""
    row = connection.execute(
        """
        select coalesce((select max(check_result_id) from quality.check_result), 0),
            coalesce((select max(validation_id) from quality.validation), 0),
            coalesce((
                select md5(string_agg(load_id || status || gate_status, ',' order by load_id))
                from quality.load), '')
        """
    ).fetchone()
    form = hashlib.sha256((page.STYLE + page.SCRIPT + page.INDEX + page.PAGE).encode()).hexdigest()
    return " ".join(map(str, (*row, form)))


def _loads(connection: psycopg.Connection) -> list[_Shown]:
    """The latest accepted load of each file and every held load, held ones first."""
    rows = connection.execute(
        """
        with accepted as (
            select distinct on (agency, file) load_id
            from quality.load where status = 'accepted'
            order by agency, file, period desc, load_id desc
        )
        select load_id, agency, file, period, delivery, status, gate_status,
            coalesce(reason, ''), row_count, contract_version,
            to_char(received_at, 'YYYY-MM-DD HH24:MI')
        from quality.load
        where status = 'held' or load_id in (select load_id from accepted)
        order by status = 'accepted', agency, file, period desc, load_id desc
        """
    ).fetchall()
    found = [
        _Shown(
            load_id=load_id,
            agency=agency,
            file=file,
            period=period,
            delivery=delivery,
            rows="" if count is None else f"{count:,}",
            verdict=(
                "held"
                if status == "held"
                else "overridden"
                if gate_status == "overridden"
                else "accepted"
            ),
            reason=reason,
            received=received,
            href=f"{agency}/{file}.held-{load_id}.html"
            if status == "held"
            else f"{agency}/{file}.html",
            facts=[
                ("Period", period),
                ("Delivery", f"{delivery}, received {received}"),
                ("Load", str(load_id)),
                ("Rows", "" if count is None else f"{count:,}"),
                ("Contract", f"expectations/{agency}/{file}.yml, version {version or 'unknown'}"),
            ],
        )
        for (
            load_id,
            agency,
            file,
            period,
            delivery,
            status,
            gate_status,
            reason,
            count,
            version,
            received,
        ) in rows
    ]
    ids = [load.load_id for load in found]
    rules = _rules(
        connection.execute(
            "select load_id, table_name, document from quality.validation where load_id = any(%s)",
            [ids],
        ).fetchall()
    )
    by_load: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(
        f"select load_id, {_COLUMNS} from quality.check_result where load_id = any(%s) "
        "order by check_result_id",
        [ids],
    ):
        by_load.setdefault(row[0], []).append(_result(row[1:], rules.get(row[0], {})))
    for load in found:
        load.results = _sorted(by_load.get(load.load_id, []))
        if load.verdict == "accepted" and load.open:
            load.verdict = "warned"
    return found


def _core(connection: psycopg.Connection) -> list[_Shown]:
    """The latest gate on core, table by table."""
    rules = _rules(
        connection.execute(
            "select 0, table_name, document from quality.validation "
            "where load_id is null and agency = 'core'"
        ).fetchall()
    )
    by_table: dict[str, _Shown] = {}
    for row in connection.execute(
        f"""
        select table_name, to_char(checked_at, 'YYYY-MM-DD HH24:MI'), {_COLUMNS}
        from quality.check_result
        where load_id is null and agency = 'core' and checked_at = (
            select max(checked_at) from quality.check_result
            where load_id is null and agency = 'core')
        order by check_result_id
        """
    ):
        table, judged, *result = row
        shown = by_table.setdefault(
            table,
            _Shown(
                load_id=None,
                agency="core",
                file=table,
                period="",
                delivery="",
                rows="",
                verdict="passed",
                reason="",
                received=judged,
                href=f"core/{table}.html",
                facts=[("Judged", judged), ("Rules", f"expectations/core/{table}.yml")],
            ),
        )
        shown.results.append(_result(tuple(result), rules.get(0, {})))
    for shown in by_table.values():
        shown.results = _sorted(shown.results)
        if shown.lines:
            shown.verdict = "failed"
    return list(by_table.values())


def _rejected(connection: psycopg.Connection) -> list[dict[str, str]]:
    return [
        {"agency": agency, "file": file, "delivery": delivery, "reason": reason, "received": at}
        for agency, file, delivery, reason, at in connection.execute(
            "select agency, file, delivery, coalesce(reason, ''), "
            "to_char(received_at, 'YYYY-MM-DD HH24:MI') from quality.load "
            "where status = 'rejected' order by load_id desc limit %s",
            [_REJECTED_SHOWN],
        )
    ]


_COLUMNS = "rule_id, expectation_type, dimension, severity, status, threshold, message, why, fix"


def _result(row: tuple[Any, ...], rules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    names = [name.strip() for name in _COLUMNS.split(",")]
    result = dict(zip(names, row, strict=True))
    result["type"] = result["expectation_type"]
    meta = rules.get(result["rule_id"], {})
    says = meta.get("says") or result["rule_id"].rsplit(".", 1)[-1].replace("_", " ").capitalize()
    # A message can stand alone; here it stands under the file's name, and on the file's own page
    # below the sentence of its rule.
    result["line"] = result["message"].partition(": ")[2]
    result["message"] = result["line"].removeprefix(f"{says} ")
    shown = "warned" if result["status"] == "failed" and result["severity"] != "critical" else ""
    return {**result, **meta, "says": says, "shown": shown or result["status"]}


def _sorted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda r: (_ORDER[r["status"]], _SEVERITY[r["severity"]]))


def _rules(
    documents: list[tuple[int, str, Mapping[str, Any]]],
) -> dict[int, dict[str, dict[str, Any]]]:
    """What the validation documents say of each rule: {load_id: {rule_id: ...}}."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for load_id, _, document in documents:
        for result in document["results"]:
            configuration = result["expectation_config"]
            meta = configuration["meta"]
            found.setdefault(load_id, {})[meta["rule_id"]] = {
                "says": meta["says"],
                "because": meta["because"],
                "calibrated": meta["calibrated"],
                "source": meta["source"],
                "covers": _covers(configuration["kwargs"]),
                "statement": result.get("statement", ""),
            }
    return found


def _covers(kwargs: Mapping[str, Any]) -> str:
    for key in ("columns", "codes", "formats"):
        if kwargs.get(key):
            return ", ".join(kwargs[key])
    return str(kwargs.get("condition") or kwargs.get("column") or "")


def _write(
    folder: Path,
    loads: list[_Shown],
    core: list[_Shown],
    rejected: list[dict[str, str]],
    built: str,
) -> None:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"frame": page.FRAME, "index": page.INDEX, "page": page.PAGE}),
        autoescape=True,
        trim_blocks=True,
    )
    environment.globals.update(words=_WORDS, style=Markup(page.STYLE), script=Markup(page.SCRIPT))
    held = [load for load in loads if load.verdict == "held"]
    latest = [load for load in loads if load.verdict != "held"]
    tiles = [
        ("files with an accepted load", len(latest)),
        ("loads held", len(held)),
        ("rules on the latest loads", f"{sum(load.rules for load in latest):,}"),
        ("warnings on the latest loads", sum(load.open for load in latest)),
    ]
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(
        environment.get_template("index").render(
            title="Quality of deliveries",
            tiles=tiles,
            held=held,
            latest=latest,
            core=core,
            rejected=rejected,
            built=built,
        ),
        encoding="utf-8",
    )
    template = environment.get_template("page")
    for load in [*loads, *core]:
        path = folder / load.href
        path.parent.mkdir(parents=True, exist_ok=True)
        heading = f"{load.agency}/{load.file} {load.period}".strip()
        path.write_text(
            template.render(title=heading, heading=heading, load=load, up="../"),
            encoding="utf-8",
        )
