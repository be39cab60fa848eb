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
    candidates,
    clusters,
    collapse,
    comparisons,
    engine,
    identifiers,
    model,
    nodes,
    overrides,
    records,
    rescoring,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pyarrow

    from orchestration.settings import Settings

# Pairs this far below even odds are kept as evidence for review; the rest are not worth a row.
REVIEW_FROM = -5.0


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
    path = model_path or model.DEFAULT
    with_model = model.load(path)
    config = _config_hash(path)
    with warehouse.connect(settings) as connection:
        store.ensure(connection)
        store.lock(connection)
        decisions = overrides.read(connection)
        inputs = f"{records.fingerprint(connection)}:{_digest(decisions)}"
        last = store.last_run(connection)
        if last and (last["inputs_hash"], last["config_hash"]) == (inputs, config):
            report = LinkageReport(
                skipped=True,
                run_id=last["run_id"],
                model_version=last["model_version"],
                records=last["records"],
                source_records=last["source_records"],
                persons=last["persons"],
                nodes=last["nodes"],
                pairs=last["pairs"],
                components_cut=last["components_cut"],
                seconds=time.monotonic() - started,
            )
            say(report.sentence)
            return report

        table = records.read(connection)
        say(f"linkage: reading {table.num_rows:,} identity records")
        duck = engine.memory()
        try:
            records.prepare(duck, table)
            overrides.prepare(duck, decisions)
            found = engine.run(duck, with_model, say)
            sources = _source_records(duck, found)
            before = store.state(connection)
            cluster = sources["cluster"].to_pylist()
            if last and last["config_hash"] == config:
                afresh = overrides.concerned(connection)
                cluster = _keep_untouched(sources, before, found, afresh)
            assigned = _assign(sources, cluster, before)
            run_id = (last["run_id"] if last else 0) + 1
            report = _report(run_id, with_model, table.num_rows, sources, found, assigned)
            store.write(
                connection,
                run=store.Run(
                    run_id=run_id,
                    inputs_hash=inputs,
                    config_hash=config,
                    model_version=with_model.name,
                    as_of_load=records.newest_load(connection),
                    report=report,
                ),
                sources=sources.append_column("person_id", _int64(assigned.person)),
                assigned=assigned,
                edges=_edges(duck, sources, assigned.person),
            )
        except _out_of_memory() as error:
            raise UnusableEnvironment(
                f"Linkage of {table.num_rows:,} records ran out of memory; nothing was written. "
                "Run it on a machine with more (about 2 GB a million records)."
            ) from error
        finally:
            duck.close()
    report = _timed(report, time.monotonic() - started)
    say(report.sentence)
    return report


def _out_of_memory() -> type[Exception]:
    import duckdb

    return duckdb.OutOfMemoryException


def _digest(table: pyarrow.Table) -> str:
    return sha256(repr(table.to_pylist()).encode()).hexdigest()[:16]


def _config_hash(model_path: Path) -> str:
    """Changes with the model or with any rule; a run under another one is a full run."""
    digest = sha256(model_path.read_bytes())
    digest.update((Path(__file__).parent / "nicknames.csv").read_bytes())
    digest.update(
        repr(
            (
                engine.ENGINE_VERSION,
                collapse.SAFE_KEYS,
                collapse.AGREES,
                collapse.FINGERPRINTED,
                collapse.MAX_VARIANTS,
                candidates.BLOCKS,
                nodes.MAX_LIST,
                comparisons.VETOES,
                comparisons.DOUBTS,
                comparisons.MOST_DOUBTFUL,
                comparisons.NAMESAKE,
                rescoring.EXTRA,
                rescoring.CLIPPED,
                records.NOT_A_FIRST_NAME,
                records.NOT_A_LAST_NAME,
                records.PARTICLES,
                records.MAX_NAMES_PER_SSN,
            )
        ).encode()
    )
    return digest.hexdigest()


def _source_records(duck: duckdb.DuckDBPyConnection, found: engine.Clusters) -> pyarrow.Table:
    """One row per source record, in order of its key: cluster, component, method, evidence.

    A key whose variants ended in several clusters was used for several persons: its newest
    holder has it.
    """
    import numpy
    import pyarrow

    duck.register(
        "_incoming",
        pyarrow.table(
            {
                "rid": numpy.arange(len(found.node), dtype="int32"),
                "node": found.node.astype("int32"),
                "rule_number": found.rule.astype("int8"),
                "cluster": found.cluster.astype("int64"),
                "component": found.component.astype("int64"),
            }
        ),
    )
    duck.execute("create or replace table outcome as select * from _incoming")
    duck.unregister("_incoming")
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in collapse.rules())
    return duck.sql(
        f"""
        with variant as (select * from record join outcome using (rid)),
        keyed as (
            select
                source_system, source_person_key, cluster,
                max(last_load_id) as newest,
                count(*) as variants,
                min(rid) as first_rid,
                min(node) as node,
                min(component) as component,
                max(case when rule_number >= 1 then rule_number end) as rule_number,
                bool_or(is_linkable) as is_linkable
            from variant group by source_system, source_person_key, cluster
        ),
        holder as (
            select * from keyed
            qualify row_number() over (
                partition by source_system, source_person_key
                order by newest desc, variants desc, cluster
            ) = 1
        ),
        hashed as (
            select
                source_system, source_person_key,
                md5(string_agg(row_hash, '' order by row_hash)) as identity_hash,
                list_sort(list_distinct(list(component))) as components
            from variant group by source_system, source_person_key
        ),
        crowd as (
            select node, count(*) as keys
            from (select distinct node, source_system, source_person_key from variant)
            group by node
        ),
        gathering as (
            select cluster, count(*) as nodes
            from (select distinct cluster, node from variant) group by cluster
        ),
        best as (
            select
                node,
                max(match_weight) filter (doubt is null) as match_weight,
                max(match_weight) as doubtful_weight
            from (
                select l as node, r as other, match_weight, doubt from scored
                union all
                select r as node, l as other, match_weight, doubt from scored
            ) as edge
            join (select distinct node, cluster from variant) as own using (node)
            join (select distinct node as other, cluster from variant) as others
                using (other, cluster)
            group by node
        )
        select
            source_system,
            source_person_key,
            holder.cluster,
            hashed.components,
            hashed.identity_hash,
            first_rid,
            case
                when not holder.is_linkable then 'unlinkable'
                when crowd.keys > 1 and rule_number = 1 then 'steward'
                when crowd.keys > 1 and rule_number is not null then 'exact'
                when gathering.nodes > 1 then 'probabilistic'
                else 'single'
            end as method,
            case method
                when 'exact' then [{names}][rule_number + 1]
                when 'steward' then [{names}][rule_number + 1]
                when 'probabilistic' then
                    case when best.match_weight is null then 'only namesake'
                        else 'match weight' end
                when 'single' then 'no match'
                else 'too little known'
            end as rule,
            round(coalesce(best.match_weight, best.doubtful_weight), 3) as match_weight
        from holder
        join hashed using (source_system, source_person_key)
        join crowd using (node)
        join gathering using (cluster)
        left join best using (node)
        order by first_rid
        """
    ).to_arrow_table()


def _keep_untouched(
    sources: pyarrow.Table,
    before: store.State,
    found: engine.Clusters,
    afresh: set[tuple[str, str]],
) -> list[int]:
    """Cluster per source record, with the persons that nothing new came near left as they are.

    A component is touched when one of its records is new, changed, gone or in `afresh`.
    Elsewhere a run repeats itself, save where a block grew past its cap or a name became less
    rare; that must not change anybody's id.
    """
    import numpy

    cluster = sources["cluster"].to_pylist()
    keys = _keys(sources)
    chains = sources["components"].to_pylist()
    pairs = [(chain[0], other) for chain in chains for other in chain[1:]]
    joined = clusters.components(
        numpy.array([pair[0] for pair in pairs], dtype="int32"),
        numpy.array([pair[1] for pair in pairs], dtype="int32"),
        int(found.component.max()) + 1,
    )
    component = [joined[chain[0]] for chain in chains]
    changed = [
        before.identity_hash.get(key) != identity_hash or key in afresh
        for key, identity_hash in zip(keys, sources["identity_hash"].to_pylist(), strict=True)
    ]
    touched = {number for number, is_new in zip(component, changed, strict=True) if is_new}
    present = set(keys)
    touched_persons = {person for key, person in before.person.items() if key not in present} | {
        before.person.get(key)
        for key, number in zip(keys, component, strict=True)
        if number in touched
    }
    return [
        number
        if at in touched or before.person.get(key) in touched_persons or key not in before.person
        else -before.person[key]
        for key, number, at in zip(keys, cluster, component, strict=True)
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


def _edges(
    duck: duckdb.DuckDBPyConnection, sources: pyarrow.Table, person: list[int]
) -> pyarrow.Table:
    """The evidence worth keeping: pairs inside one person, doubtful pairs, vetoed pairs.

    Each side is named by the node's first record.
    """
    assigned = sources.select(["source_system", "source_person_key"]).append_column(
        "person_id", _int64(person)
    )
    duck.register("assigned", assigned)
    table = duck.sql(
        f"""
        with named as (
            select
                node.node_id, record.source_system, record.source_person_key,
                record.identity_record_id, assigned.person_id
            from node
            join record on record.rid = node.first_rid
            join assigned using (source_system, source_person_key)
        )
        select
            l.source_system as left_source_system,
            l.source_person_key as left_source_person_key,
            l.identity_record_id as left_identity_record_id,
            r.source_system as right_source_system,
            r.source_person_key as right_source_person_key,
            r.identity_record_id as right_identity_record_id,
            round(match_weight, 3) as match_weight,
            to_json(evidence)::varchar as evidence,
            case
                when veto is not null then 'vetoed'
                when l.person_id = r.person_id then 'linked'
                else 'not linked'
            end as decision,
            veto,
            doubt
        from scored
        join named as l on l.node_id = scored.l
        join named as r on r.node_id = scored.r
        where l.person_id = r.person_id or match_weight >= {REVIEW_FROM}
        order by scored.l, scored.r
        """
    ).to_arrow_table()
    duck.unregister("assigned")
    return table


def _report(
    run_id: int,
    with_model: model.Model,
    count: int,
    sources: pyarrow.Table,
    found: engine.Clusters,
    assigned: identifiers.Assignment,
) -> LinkageReport:
    kinds = [event.kind for event in assigned.events]
    return LinkageReport(
        skipped=False,
        run_id=run_id,
        model_version=with_model.name,
        records=count,
        source_records=sources.num_rows,
        persons=len(set(assigned.person)),
        nodes=int(found.node.max()) + 1 if count else 0,
        pairs=found.pairs,
        components_cut=found.cut,
        created=len(assigned.created),
        merged=len(assigned.merged),
        split=kinds.count("split"),
        moved=sum(event.records for event in assigned.events if event.kind == "move"),
        retired=len(assigned.retired),
        restored=len(assigned.restored),
        vetoed=found.vetoed,
    )


def _timed(report: LinkageReport, seconds: float) -> LinkageReport:
    from dataclasses import replace

    return replace(report, seconds=seconds)
