"""What the gate holds and what it lets pass: good deliveries, and good ones with one fault each.

A county's deliveries are replayed month by month. Each clean file that is held or rejected is a
false hold. Between loading and judging, copies of sampled files get one fault each and are
judged beside the same history; a fault is found when the copy would be held or rejected, or rows
of it are set aside, and
named rightly when a failed rule names a column that the fault is in.
Add here: what is counted and shown. Keep out: the faults (gate_faults, gate_file_faults) and
how deliveries are replayed (gate_replay).
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import intake, landing, warehouse
from orchestration.bench import gate_replay
from orchestration.bench.gate_faults import FAULTS, Change, Fault, Target, statement
from orchestration.bench.gate_file_faults import FILE_FAULTS
from orchestration.errors import UsageError
from orchestration.landing import registry, staging
from orchestration.landing.contracts import Contract
from orchestration.quality import comparison, gate
from orchestration.quality.landed import relation_of
from orchestration.quality.typed import quote
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

# A file of fewer rows is no place for a study: one row in it is a share that no rule may see.
LEAST_ROWS = 400
# Rows a fault must touch to be material, whatever its share: fewer than 30 are within what
# families and classes do by themselves (2026-11-25, set before the study was run).
LEAST_TOUCHED = 30
# Accepted deliveries before a file is used: the rules on history need two.
LEAST_HISTORY = 3


@dataclass(frozen=True)
class Trial:
    """One fault in one delivery. named: a failed critical rule names a right column (or the
    fault is of the whole file); warned: no critical rule failed and a warning did."""

    kind: str
    strength: float
    material: bool
    place: str
    touched: int
    found: bool
    named: bool
    warned: bool
    rules: tuple[str, ...] = ()


@dataclass
class _Study:
    """The faults still to be put in, and what came of those that were."""

    rng: random.Random
    waiting: list[tuple[Fault, float]]
    files_waiting: list[str]
    every: float
    credit: float = 0.0
    seen: Counter = field(default_factory=Counter)
    trials: list[Trial] = field(default_factory=list)
    seconds: float = 0.0


def run(
    settings: Settings,
    *,
    persons: int = 4_000,
    months: int = 24,
    seed: int = 2026,
    copies: int = 1,
    faults: bool = True,
    most: int | None = None,
    county: Path | None = None,
    agencies: frozenset[str] = frozenset(),
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Replay a county and put faults into it.

    seed: of the county, where it is made, and of which fault goes where. copies: how often each
    kind and strength is tried, each time in another delivery. faults:
    False to count false holds alone. most: try so many of them only. county: one that is there
    already. agencies: only these.

    Returns {"deliveries", "duplicates", "false_holds" (share), "held": [...], "detection" (share
    of material faults found), "named" (share of those found whose column is named), "trials",
    "material", "kinds": [{"kind", "material", "found", "named", "minor", "minor_found"}],
    "missed": [...], "not_tried": [...], "seconds"}. Shares are None where nothing was tried.

    Raises UsageError for fewer than 4 months: history begins with the third delivery.
    """
    say = progress or (lambda text: None)
    if months <= LEAST_HISTORY:
        raise UsageError(f"A study of the gate needs more than {LEAST_HISTORY} months.")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lifecourse-gates-") as place:
        folder = county or Path(place) / "county"
        if county is None:
            from orchestration import county as library

            say(f"bench: a county of {persons:,} persons and {months} months")
            library.generate(folder, persons=persons, months=months, seed=seed, bad_delivery=False)
        with gate_replay.private_database(settings, folder / "observed") as there:
            study = _plan(there, seed, copies, most, agencies) if faults else None
            result = gate_replay.replay(
                there,
                leave_out=gate_replay.bad_on_purpose(folder),
                agencies=agencies,
                before_gate=_putting_in(study, Path(place)) if study else None,
                progress=lambda text: say(f"bench: {text}"),
            )
    return _figures(result, study) | {"seconds": round(time.monotonic() - began)}


def _plan(
    settings: Settings, seed: int, copies: int, most: int | None, agencies: frozenset[str]
) -> _Study:
    rng = random.Random(seed)
    waiting = [(f, s) for f in FAULTS for s in f.strengths] * copies
    files = list(FILE_FAULTS) * copies
    rng.shuffle(waiting)
    rng.shuffle(files)
    if most is not None:
        waiting, files = waiting[:most], files[: most // 8]
    contracts = landing.load_contracts(settings.contracts)
    # Every file of this many bytes has enough rows.
    found = Counter(
        (f.agency, f.contract.file)
        for f in landing.discover(settings.deliveries, contracts)
        if f.contract
        and len(f.contract.tables) == 1
        and (not agencies or f.agency in agencies)
        and f.path.stat().st_size > 100 * LEAST_ROWS
    )
    usable = sum(max(0, n - LEAST_HISTORY) for n in found.values())
    return _Study(rng, waiting, files, 1.1 * (len(waiting) + len(files)) / max(1, usable))


def _putting_in(study: _Study, place: Path) -> gate_replay.Before:
    def before_gate(
        settings: Settings, file_set: intake.FileSet, loaded: list[intake.LoadedFile],
        delivery: str,
    ) -> None:  # fmt: skip
        began = time.monotonic()
        by_file = {c.file: c for c in file_set.contracts}
        with warehouse.connect(settings) as connection:
            for file in loaded:
                contract = by_file[file.file]
                study.seen[contract.agency, contract.file] += 1
                if study.seen[contract.agency, contract.file] <= LEAST_HISTORY:
                    continue
                if len(contract.tables) > 1 or sum(file.rows_by_table.values()) < LEAST_ROWS:
                    continue
                study.credit += study.every
                while study.credit >= 1 and (study.waiting or study.files_waiting):
                    study.credit -= 1
                    if not _one(settings, connection, study, contract, file, delivery, place):
                        break
        study.seconds += time.monotonic() - began

    return before_gate


def _one(
    settings: Settings, connection: psycopg.Connection, study: _Study, contract: Contract,
    file: intake.LoadedFile, delivery: str, place: Path,
) -> bool:  # fmt: skip
    """Put one waiting fault into this load, the first that fits it; False when none does."""
    name = f"{contract.agency}/{contract.file} {delivery}"
    if study.files_waiting and contract.file_format == "csv" and study.rng.random() < 0.2:
        kind = study.files_waiting.pop()
        study.trials.append(_spoil_file(settings, connection, contract, file, kind, place, name))
        return True
    target = _target(connection, contract, file)
    for number, (fault, strength) in enumerate(study.waiting):
        change = fault.make(target, strength)
        if change is None:
            continue
        trial = _spoil_rows(settings, connection, target, file, fault, strength, change, name)
        if trial is None:  # nothing was changed: the fault does not fit these rows after all
            continue
        del study.waiting[number]
        study.trials.append(trial)
        return True
    return False


def _target(connection: psycopg.Connection, contract: Contract, file: intake.LoadedFile) -> Target:
    [table] = contract.tables
    relation = relation_of(connection, contract, table.name, file.load_id)
    counts = connection.execute(
        "select count(*)"  # type: ignore[arg-type]
        + "".join(
            f", count({quote(c.name)}), count(distinct {quote(c.name)})" for c in table.columns
        )
        + f" from {relation}"
    ).fetchone()
    assert counts is not None
    rows, *told = counts
    earlier = comparison.earlier_loads(connection, contract, file.load_id, 1)
    before = relation_of(connection, contract, table.name, earlier[0][0]) if earlier else None
    names = [c.name for c in table.columns]
    return Target(
        contract, table, rows,
        dict(zip(names, told[::2], strict=True)), dict(zip(names, told[1::2], strict=True)),
        before,
    )  # fmt: skip


def _spoil_rows(
    settings: Settings, connection: psycopg.Connection, target: Target,
    file: intake.LoadedFile, fault: Fault, strength: float, change: Change, name: str,
) -> Trial | None:  # fmt: skip
    table, contract = target.table, target.contract
    clean = relation_of(connection, contract, table.name, file.load_id)
    assert clean is not None
    load_id = _copy_of(connection, file.load_id, fault.kind)
    try:
        staging.create_candidate(connection, contract.agency, table.name, load_id)
        spoilt = f"candidate_{contract.agency}.{quote(f'{table.name}_l{load_id}')}"
        columns = [c.name for c in table.columns]
        connection.execute(
            statement(target, change, clean, spoilt, columns)  # type: ignore[arg-type]
        )
        touched = _touched(connection, clean, spoilt, columns)
        if not touched:
            return None
        connection.commit()
        report = gate.run_gate(settings, contract, load_id)
        failed = [r for r in report.results if r.status in ("failed", "error")]
        critical = [r for r in failed if r.severity == "critical"]
        columns_named = {c for r in critical for c in (r.column or "").split(", ")}
        aside, columns_aside = _set_aside(connection, load_id)
        columns_named |= columns_aside
        return Trial(
            kind=fault.kind,
            strength=strength,
            material=strength >= fault.material and touched >= LEAST_TOUCHED,
            place=name,
            touched=touched,
            found=bool(critical or aside),
            named=bool(critical or aside)
            and (not change.names or bool(columns_named & {*change.names})),
            warned=not critical and not aside and bool(failed),
            rules=(*(r.rule_id.rpartition(".")[2] for r in critical), *aside),
        )
    finally:
        _forget(connection, contract, load_id)


def _set_aside(connection: psycopg.Connection, load_id: int) -> tuple[tuple[str, ...], set[str]]:
    """The rules by which rows of the load were kept out, and the columns they name."""
    rows = connection.execute(
        "select rule_ids, column_names from quality.quarantined_row where load_id = %s", [load_id]
    ).fetchall()
    rules = {f"set aside by {rule.rpartition('.')[2]}" for ids, _ in rows for rule in ids}
    if rows and not rules:
        rules = {"set aside"}  # a footer breaks no rule
    return tuple(sorted(rules)), {column for _, names in rows for column in names}


def _touched(connection: psycopg.Connection, clean: str, spoilt: str, columns: list[str]) -> int:
    """Rows of either table without a like in the other."""
    names = ", ".join(map(quote, columns))
    row = connection.execute(
        f"select greatest((select count(*) from (select {names} from {clean} "  # type: ignore[arg-type]
        f"except all select {names} from {spoilt}) as gone), "
        f"(select count(*) from (select {names} from {spoilt} "
        f"except all select {names} from {clean}) as come))"
    ).fetchone()
    return row[0] if row else 0


def _copy_of(connection: psycopg.Connection, load_id: int, kind: str) -> int:
    """A load of its own for a copy of this one."""
    row = connection.execute(
        "insert into quality.load (agency, file, period, delivery, scope, path, sha256, bytes, "
        "row_count, publish_set, delivery_type) "
        "select agency, file, period, delivery, scope, path || ' with a fault', "
        "md5(path || %s || clock_timestamp()::text), bytes, row_count, publish_set, "
        "delivery_type from quality.load where load_id = %s returning load_id",
        [kind, load_id],
    ).fetchone()
    assert row is not None
    return row[0]


def _forget(connection: psycopg.Connection, contract: Contract, load_id: int) -> None:
    connection.rollback()
    landing.drop_candidates(connection, [load_id])
    connection.commit()
    registry.forget(connection, [load_id])
    connection.commit()


def _spoil_file(
    settings: Settings, connection: psycopg.Connection, contract: Contract,
    file: intake.LoadedFile, kind: str, place: Path, name: str,
) -> Trial:  # fmt: skip
    path, delivery = connection.execute(
        "select path, delivery from quality.load where load_id = %s", [file.load_id]
    ).fetchone()
    connection.commit()
    content = (settings.deliveries / path).read_bytes()
    spoilt = FILE_FAULTS[kind](content, contract.delimiter or ",")
    deliveries = place / "spoilt"
    there = deliveries / contract.agency / delivery / Path(path).name
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(spoilt)
    rules: tuple[str, ...] = ()
    own = replace(settings, deliveries=deliveries)
    [found] = landing.discover(deliveries, [contract], agency=contract.agency, delivery=delivery)
    load_id = landing.register(connection, found).load_id
    connection.commit()
    try:
        try:
            landing.load_candidate(connection, found, load_id)
        except landing.DeliveryRejected:
            rules = ("rejected by the loader",)
        else:
            connection.commit()
            report = gate.run_gate(own, contract, load_id)
            rules = tuple(r.rule_id.rpartition(".")[2] for r in report.results if r.blocks)
            rules += _set_aside(connection, load_id)[0]
    finally:
        _forget(connection, contract, load_id)
        there.unlink()
    return Trial(kind, 1.0, True, name, 0, bool(rules), bool(rules), False, rules)


def _figures(result: gate_replay.Replay, study: _Study | None) -> dict[str, Any]:
    judged = [v for v in result.verdicts if v.status != "duplicate"]
    wrong = [v for v in judged if v.status != "accepted"]
    # A file held for the sake of another of its set is not counted twice.
    culprits = [v for v in wrong if v.blocking]
    facts: dict[str, Any] = {
        "deliveries": len(judged),
        "duplicates": len(result.verdicts) - len(judged),
        "false_holds": round(len(culprits) / len(judged), 4) if judged else None,
        "held": [
            {
                "place": f"{v.agency}/{v.file} {v.delivery}",
                "status": v.status,
                "messages": [message for _, _, message in v.blocking],
            }
            for v in culprits
        ],
    }
    if study is None:
        return facts
    material = [t for t in study.trials if t.material]
    found = [t for t in material if t.found]
    kinds: dict[str, list[Trial]] = defaultdict(list)
    for trial in study.trials:
        kinds[trial.kind].append(trial)
    return facts | {
        "detection": _share(len(found), len(material)),
        "named": _share(sum(t.named for t in found), len(found)),
        "trials": len(study.trials),
        "material": len(material),
        "kinds": [_kind(kind, trials) for kind, trials in sorted(kinds.items())],
        "missed": [
            f"{t.kind}, {t.strength:g}, {t.place}: {t.touched} rows"
            + (", a warning" if t.warned else "")
            for t in material
            if not t.found
        ],
        "not_named": [
            f"{t.kind}, {t.strength:g}, {t.place}: {', '.join(t.rules)}"
            for t in found
            if not t.named
        ],
        "not_tried": sorted(
            {*(f"{f.kind}, {s:g}" for f, s in study.waiting), *study.files_waiting}
        ),
        "fault_seconds": round(study.seconds),
    }


def _kind(kind: str, trials: list[Trial]) -> dict[str, Any]:
    material = [t for t in trials if t.material]
    minor = [t for t in trials if not t.material]
    return {
        "kind": kind,
        "material": len(material),
        "found": sum(t.found for t in material),
        "named": sum(t.named for t in material),
        "minor": len(minor),
        "minor_found": sum(t.found for t in minor),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
