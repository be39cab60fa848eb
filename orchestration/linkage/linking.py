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
    parts,
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
    counts of that run are filled. recomputed: source records that were looked at and written;
    pairs, components_cut: of those. vetoed: pairs that a veto stopped although they scored
    above the threshold, by veto.
    """

    skipped: bool
    run_id: int
    model_version: str
    records: int
    source_records: int
    persons: int
    recomputed: int = 0
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
            f"({changes or 'no id changed'}; {self.recomputed:,} records looked at in "
            f"{self.seconds:.1f} s)"
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
    full: bool = False,
) -> LinkageReport:
    """Give every source record of identity.identity_record a person id, in one transaction.

    Looks at what is new, changed, gone or decided about since the last run and at whom that could
    reach; nobody else's id can change (parts.py). The first run, and one under another model or
    other rules, looks at everybody; so does one with `full`, which also mends what runs on parts
    leave. Raises LifecourseError when the identity layer is not built, UsageError when the model
    file does not fit the code.
    """
    started = time.monotonic()
    say = progress or (lambda text: None)
    with warehouse.connect(settings) as connection:
        schema.ensure(connection)
        store.lock(connection)
        planned = plan(connection, model_path or model.DEFAULT, say, full=full)
        if planned.run is None:
            report = _skipped(planned.last, time.monotonic() - started)
        else:
            store.write(connection, planned.run, planned.written)
            review.refresh(connection, planned.run.run_id, partial=planned.run.is_partial)
            report = _report(connection, planned, time.monotonic() - started)
    say(report.sentence)
    return report


@dataclass(frozen=True)
class Plan:
    """What a run would write; run and what follows is None when nothing has changed. before:
    what the last run left of the records looked at."""

    last: dict | None
    run: store.Run | None = None
    written: store.Written | None = None
    found: engine.Clusters | None = None
    before: store.State | None = None


def plan(
    connection: psycopg.Connection,
    model_path: Path,
    say: Callable[[str], None],
    *,
    supposed: tuple[str, Key, Key] | None = None,
    full: bool = False,
) -> Plan:
    """Work a run out without writing anything but temporary tables.

    supposed: a decision (kind, left, right) to obey as if it were in force. full: look at every
    record, and leave nobody as they are.
    """
    with_model = model.load(model_path)
    config = _config_hash(model_path)
    decisions = overrides.read(connection)
    in_force = decisions["override_id"].to_pylist()
    if supposed:
        decisions = overrides.supposing(decisions, *supposed)
    last = store.last_run(connection)
    same_rules = last is not None and last["config_hash"] == config
    now = records.inputs(connection)
    changed = changes.find(connection, now, last["override_ids"] if last else [], in_force)
    if supposed:
        changed = changed.concerning(supposed[1:])
    if same_rules and not changed and not full:
        return Plan(last=last)

    whole = (
        full
        or not same_rules
        or changed.size > parts.LARGEST_PART * last["records"]
        # an encoding can be like anybody's: it is compared with all clear records
        or now.any_encoded
    )
    duck = engine.memory(None if whole else 1)
    try:
        if whole:
            part = parts.everything(connection, duck, with_model, decisions, say)
        else:
            part = parts.touched(connection, duck, with_model, decisions, changed, last, say)
        sources = encoded_records.told(outcome.source_records(duck, part), part.by_encoding)
        keys = _keys(sources)
        before = store.state(connection, None if whole else {*keys, *changed.keys})
        cluster = sources["cluster"].to_pylist()
        if whole and same_rules and not full:
            cluster = _keep_untouched(sources, part, before, changed)
            part = parts.tied(part, sources["node"].to_numpy(), cluster)
        assigned = identifiers.assign(
            cluster,
            keys,
            [before.person_of(key) for key in keys],
            before.former,
            before.active,
            before.next_id,
            at_stake=before.active if whole else set(before.person.values()),
        )
        sources = sources.append_column("person_id", _int64(assigned.person))
        return Plan(
            last=last,
            run=store.Run(
                run_id=(last["run_id"] if last else 0) + 1,
                inputs_hash=f"{now.fingerprint}:{_digest(decisions)}",
                config_hash=config,
                model_version=with_model.name,
                as_of_load=now.newest_load,
                records=now.count,
                **_counts(sources.num_rows, assigned, part, before, last),
                pairs=part.found.pairs,
                components_cut=part.found.cut,
                override_ids=in_force,
                newest_birth_year=part.newest_birth_year,
                is_partial=not whole,
                recomputed=sources.num_rows,
            ),
            written=store.Written(
                sources=sources,
                differs=_differs(sources, keys, before, changed, with_model.name),
                vacated=set() if whole else _vacated(keys, assigned, before, changed),
                gone=changed.gone,
                vanished=part.vanished.tolist(),
                altered=part.altered.tolist(),
                variants=outcome.variants(duck, part),
                nodes=outcome.nodes(duck, part),
                block_keys=part.block_keys,
                sketches=part.sketches,
                edges=encoded_records.with_edges(
                    outcome.edges(duck, part, sources), part.by_encoding, part.node_id
                ),
                placeholders=part.placeholders,
                assigned=assigned,
                causes=_causes(
                    assigned, keys, before, changed, is_new_model=bool(last) and not same_rules
                ),
            ),
            found=part.found,
            before=before,
        )
    except _out_of_memory() as error:
        raise UnusableEnvironment(
            f"Linkage of {last['records'] if last else 'all':,} records ran out of memory; nothing "
            "was written. Run it on a machine with more (about 2 GB a million records)."
        ) from error
    finally:
        duck.close()


def _counts(
    delivered: int,
    assigned: identifiers.Assignment,
    part: parts.Part,
    before: store.State,
    last: dict | None,
) -> dict[str, int]:
    """source_records, persons and nodes after the run, of which `delivered` source records were
    looked at; what was not is as the last run left it."""
    came = len(assigned.created) + len(assigned.restored)
    went = len(assigned.retired) + len(assigned.merged)
    if part.is_whole:
        persons, others, nodes = len(before.active), 0, len(part.node_id)
    else:
        persons = last["persons"]
        others = last["source_records"] - len(before.person)
        nodes = last["nodes"] + int(part.is_new.sum()) - len(part.vanished)
    return {
        "source_records": others + delivered,
        "persons": persons + came - went,
        "nodes": nodes,
    }


def _differs(
    sources: pyarrow.Table,
    keys: list[Key],
    before: store.State,
    changed: changes.Changes,
    model_version: str,
) -> numpy.ndarray:
    """Which source records are told otherwise than the last run told them; whose records came or
    went, or who were decided about, in any case."""
    import numpy

    told = zip(
        *(sources[name].to_pylist() for name in store.TOLD if name != "model_version"), strict=True
    )
    return numpy.array(
        [
            key in changed.keys or before.told.get(key) != (*row, model_version)
            for key, row in zip(keys, told, strict=True)
        ],
        dtype=bool,
    )


def _vacated(
    keys: list[Key],
    assigned: identifiers.Assignment,
    before: store.State,
    changed: changes.Changes,
) -> set[Key]:
    """Source keys that are no longer delivered, or went to another person."""
    moved = {
        key
        for key, person in zip(keys, assigned.person, strict=True)
        if before.person.get(key, person) != person
    }
    return changed.keys.difference(keys) | moved


def _causes(
    assigned: identifiers.Assignment,
    keys: list[Key],
    before: store.State,
    changed: changes.Changes,
    *,
    is_new_model: bool,
) -> list[str]:
    """What each event is put down to: another model, a decision about one of its persons, or
    the records."""
    if is_new_model:
        return ["model"] * len(assigned.events)
    decided = {
        person for key, person in zip(keys, assigned.person, strict=True) if key in changed.decided
    } | {before.person_of(key) for key in changed.decided}
    return [
        "decision" if decided & {event.from_person, event.to_person} else "records"
        for event in assigned.events
    ]


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
    part: parts.Part,
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
    of = part.region[sources["node"].to_numpy()].tolist()
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


def _keys(sources: pyarrow.Table) -> list[Key]:
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


def _report(connection: psycopg.Connection, planned: Plan, seconds: float) -> LinkageReport:
    run, assigned = store.last_run(connection), planned.written.assigned
    kinds = [event.kind for event in assigned.events]
    return LinkageReport(
        skipped=False,
        run_id=run["run_id"],
        model_version=run["model_version"],
        records=run["records"],
        source_records=run["source_records"],
        persons=run["persons"],
        recomputed=run["recomputed"],
        nodes=run["nodes"],
        pairs=run["pairs"],
        components_cut=run["components_cut"],
        created=len(assigned.created),
        merged=len(assigned.merged),
        split=kinds.count("split"),
        moved=sum(event.records for event in assigned.events if event.kind == "move"),
        retired=len(assigned.retired),
        restored=len(assigned.restored),
        vetoed=planned.found.vetoed,
        seconds=seconds,
    )
