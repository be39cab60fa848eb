"""One linkage run: read, cluster, keep ids, write; nothing when nothing changed.

Add here: what a run does, in order. Keep out: how each step works (its own module).
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import UnusableEnvironment
from orchestration.linkage import (
    changes,
    encoded_records,
    engine,
    identifiers,
    model,
    outcome,
    overrides,
    records,
    review,
    schema,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy
    import psycopg
    import pyarrow

    from orchestration.linkage.store import Key
    from orchestration.settings import Settings


@dataclass(frozen=True)
class LinkageReport:
    """What a run did. Counts of source records and persons; seconds of wall time.

    skipped: true when records, model and settings are those of the last run; then only the
    counts of that run are filled. vetoed: pairs that a veto stopped although they scored
    above the threshold, by veto.
    """

    skipped: bool
    run_id: int
    model_version: str
    records: int
    source_records: int
    persons: int
    nodes: int = 0
    pairs: int = 0
    components_cut: int = 0
    created: int = 0
    merged: int = 0
    split: int = 0
    moved: int = 0
    retired: int = 0
    restored: int = 0
    vetoed: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        if self.skipped:
            return (
                f"linkage: nothing changed since run {self.run_id}; "
                f"{self.persons:,} persons keep their ids"
            )
        changes = ", ".join(
            f"{number:,} {word}"
            for word, number in (
                ("new", self.created),
                ("merged", self.merged),
                ("split off", self.split),
                ("moved records", self.moved),
                ("retired", self.retired),
                ("back", self.restored),
            )
            if number
        )
        return (
            f"linkage: {self.source_records:,} source records are {self.persons:,} persons "
            f"({changes or 'no id changed'}; {self.seconds:.1f} s)"
        )

    @property
    def metadata(self) -> dict[str, int | float | str | bool]:
        """Flat figures for an asset's page; holds nobody's value."""
        flat = {k: v for k, v in asdict(self).items() if k != "vetoed"}
        flat.update({f"vetoed_{name}": number for name, number in self.vetoed.items()})
        return {**flat, "seconds": round(self.seconds, 1), "sentence": self.sentence}


def link(
    settings: Settings,
    progress: Callable[[str], None] | None = None,
    *,
    model_path: Path | None = None,
) -> LinkageReport:
    """Give every source record of identity.identity_record a person id, in one transaction.

    Raises LifecourseError when the identity layer is not built, UsageError when the model
    file does not fit the code.
    """
    started = time.monotonic()
    say = progress or (lambda text: None)
    with warehouse.connect(settings) as connection:
        schema.ensure(connection)
        store.lock(connection)
        planned = plan(connection, model_path or model.DEFAULT, say)
        if planned.run is None:
            report = _skipped(planned.last, time.monotonic() - started)
        else:
            store.write(connection, planned.run, planned.written)
            review.refresh(connection, planned.run.run_id)
            report = _report(planned, time.monotonic() - started)
    say(report.sentence)
    return report


@dataclass(frozen=True)
class Plan:
    """What a run would write; run and what follows is None when nothing has changed."""

    last: dict | None
    run: store.Run | None = None
    written: store.Written | None = None
    found: engine.Clusters | None = None


def plan(
    connection: psycopg.Connection,
    model_path: Path,
    say: Callable[[str], None],
    *,
    supposed: tuple[str, Key, Key] | None = None,
) -> Plan:
    """Work a run out without writing anything.

    supposed: a decision (kind, left, right) to obey as if it were in force.
    """
    with_model = model.load(model_path)
    config = _config_hash(model_path)
    decisions = overrides.read(connection)
    in_force = decisions["override_id"].to_pylist()
    if supposed:
        decisions = overrides.supposing(decisions, *supposed)
    last = store.last_run(connection)
    same_rules = last is not None and last["config_hash"] == config
    changed = changes.find(connection, last["override_ids"] if last else [], in_force)
    if supposed:
        changed = changed.concerning(supposed[1:])
    if same_rules and not changed:
        return Plan(last=last)

    table = records.read(connection)
    say(f"linkage: reading {table.num_rows:,} identity records")
    duck = engine.memory()
    try:
        records.prepare(duck, table)
        overrides.prepare(duck, decisions)
        found = engine.run(duck, with_model, say)
        found, by_encoding = encoded_records.link(
            encoded_records.read(connection), table, found, encoded_records.decisions(duck)
        )
        sources = encoded_records.told(outcome.source_records(duck, found), by_encoding)
        region = outcome.regions(duck, found, edge=with_model.thresholds["edge"])
        before = store.state(connection)
        cluster = sources["cluster"].to_pylist()
        if same_rules:
            cluster = _keep_untouched(sources, region, before, changed)
        assigned = _assign(sources, cluster, before)
        sources = sources.append_column("person_id", _int64(assigned.person))
        concerned = {
            person
            for key, person in zip(_keys(sources), assigned.person, strict=True)
            if key in changed.decided
        } | {before.person_of(key) for key in changed.decided}
        return Plan(
            last=last,
            run=store.Run(
                run_id=(last["run_id"] if last else 0) + 1,
                inputs_hash=f"{records.fingerprint(connection)}:{_digest(decisions)}",
                config_hash=config,
                model_version=with_model.name,
                as_of_load=records.newest_load(connection),
                records=table.num_rows,
                source_records=sources.num_rows,
                persons=len(set(assigned.person)),
                nodes=len(region),
                pairs=found.pairs,
                components_cut=found.cut,
                override_ids=in_force,
            ),
            written=store.Written(
                sources=sources,
                variants=outcome.variants(duck),
                nodes=outcome.nodes(duck, region),
                edges=encoded_records.with_edges(
                    outcome.edges(duck, sources, assigned.person), by_encoding
                ),
                assigned=assigned,
                causes=[
                    "model"
                    if last and not same_rules
                    else "decision"
                    if concerned & {event.from_person, event.to_person}
                    else "records"
                    for event in assigned.events
                ],
            ),
            found=found,
        )
    except _out_of_memory() as error:
        raise UnusableEnvironment(
            f"Linkage of {table.num_rows:,} records ran out of memory; nothing was written. "
            "Run it on a machine with more (about 2 GB a million records)."
        ) from error
    finally:
        duck.close()


def _out_of_memory() -> type[Exception]:
    import duckdb

    return duckdb.OutOfMemoryException


def _digest(table: pyarrow.Table) -> str:
    return sha256(repr(table.to_pylist()).encode()).hexdigest()[:16]


def _config_hash(model_path: Path) -> str:
    """Changes with the model or with any rule; a run under another one is a full run."""
    digest = sha256(model_path.read_bytes())
    digest.update((Path(__file__).parent / "nicknames.csv").read_bytes())
    digest.update(repr((schema.VERSION, engine.rules(), encoded_records.rules())).encode())
    return digest.hexdigest()


def _keep_untouched(
    sources: pyarrow.Table,
    region: numpy.ndarray,
    before: store.State,
    changed: changes.Changes,
) -> list[int]:
    """Cluster per source record, with the persons that nothing new came near left as they are.

    A region is touched when one of its records is new, changed, gone or decided about.
    Elsewhere a run repeats itself, save where a block grew past its cap or a name became less
    rare; that must not change anybody's id.
    """
    cluster = sources["cluster"].to_pylist()
    keys = _keys(sources)
    of = region[sources["node"].to_numpy()].tolist()
    touched = {number for number, key in zip(of, keys, strict=True) if key in changed.keys}
    touched_persons = {before.person.get(key) for key in changed.keys} | {
        before.person.get(key) for key, number in zip(keys, of, strict=True) if number in touched
    }
    return [
        number
        if at in touched or before.person.get(key) in touched_persons or key not in before.person
        else -before.person[key]
        for key, number, at in zip(keys, cluster, of, strict=True)
    ]


def _assign(
    sources: pyarrow.Table, cluster: list[int], before: store.State
) -> identifiers.Assignment:
    keys = _keys(sources)
    return identifiers.assign(
        cluster,
        keys,
        [before.person_of(key) for key in keys],
        before.former,
        before.active,
        before.next_id,
    )


def _keys(sources: pyarrow.Table) -> list[tuple[str, str]]:
    return list(
        zip(
            sources["source_system"].to_pylist(),
            sources["source_person_key"].to_pylist(),
            strict=True,
        )
    )


def _int64(values: list[int]) -> pyarrow.Array:
    import pyarrow

    return pyarrow.array(values, pyarrow.int64())


def _skipped(last: dict, seconds: float) -> LinkageReport:
    return LinkageReport(
        skipped=True,
        run_id=last["run_id"],
        model_version=last["model_version"],
        records=last["records"],
        source_records=last["source_records"],
        persons=last["persons"],
        nodes=last["nodes"],
        pairs=last["pairs"],
        components_cut=last["components_cut"],
        seconds=seconds,
    )


def _report(planned: Plan, seconds: float) -> LinkageReport:
    run, assigned = planned.run, planned.written.assigned
    kinds = [event.kind for event in assigned.events]
    return LinkageReport(
        skipped=False,
        run_id=run.run_id,
        model_version=run.model_version,
        records=run.records,
        source_records=run.source_records,
        persons=run.persons,
        nodes=run.nodes,
        pairs=run.pairs,
        components_cut=run.components_cut,
        created=len(assigned.created),
        merged=len(assigned.merged),
        split=kinds.count("split"),
        moved=sum(event.records for event in assigned.events if event.kind == "move"),
        retired=len(assigned.retired),
        restored=len(assigned.restored),
        vetoed=planned.found.vetoed,
        seconds=seconds,
    )
