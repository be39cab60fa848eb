"""What the next run would do to persons who have an id, before it does it.

Works the run out and writes nothing. Add here: something a steward should know before a merge
or a split. Keep out: values of anybody; ids, programs and counts only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.linkage import linking, model, schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psycopg

    from orchestration.linkage.store import Key
    from orchestration.settings import Settings

# What changes whose life a row belongs to; a new person changes nobody's.
_SHOWN = ("merge", "split", "move")


def preview(
    settings: Settings,
    progress: Callable[[str], None] | None = None,
    *,
    supposed: tuple[str, Key, Key] | None = None,
    model_path: Path | None = None,
    full: bool = False,
) -> list[dict]:
    """Merges, splits and moves of the next run (full: of one on every record), largest first.

    supposed: a decision (kind, left key, right key) to obey as if it were in force; then only
    what it changes is returned, not what new records change anyway.

    Each: change, from_person_id, to_person_id, records (source records that change person), of
    (how many the person has now), spells ({program: source spells of the last release that go
    with them}), is_exact. A spell is known by person and source; where only some of a person's
    records of one source go, its spells are counted whole and is_exact is false.

    Raises LifecourseError before the identity layer is built.
    """
    say = progress or (lambda text: None)
    path = model_path or model.DEFAULT
    with warehouse.connect(settings) as connection:
        schema.ensure(connection)
        planned = linking.plan(connection, path, say, supposed=supposed, full=full)
        if planned.run is None:
            return []
        moved = _moved(planned)
        connection.rollback()
        if supposed:
            schema.ensure(connection)
            without = linking.plan(connection, path, say)
            anyway = _moved(without) if without.run is not None else {}
            moved = {c: keys for c, keys in moved.items() if anyway.get(c) != keys}
            connection.rollback()
        changes = _described(connection, moved)
    return changes


Change = tuple[str, int, int]


def _moved(planned: linking.Plan) -> dict[Change, set[Key]]:
    """The source records that each merge, split and move would give to another person."""
    kind = {
        (event.from_person, event.to_person): event.kind
        for event in planned.written.assigned.events
        if event.kind in _SHOWN
    }
    moved: dict[Change, set[Key]] = defaultdict(set)
    sources = planned.written.sources
    for system, key, person in zip(
        sources["source_system"].to_pylist(),
        sources["source_person_key"].to_pylist(),
        planned.written.assigned.person,
        strict=True,
    ):
        old = planned.before.person_of((system, key))
        if old and old != person:
            moved[kind[old, person], old, person].add((system, key))
    return moved


def _described(connection: psycopg.Connection, moved: dict[Change, set[Key]]) -> list[dict]:
    persons = sorted({old for _, old, _ in moved})
    spells: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    if connection.execute("select to_regclass('core.spell_source')").fetchone()[0]:
        for person, system, program, count in connection.execute(
            "select person_id, source_system, program_id, count(*) from core.spell_source"
            " where person_id = any(%s) group by 1, 2, 3 order by 1, 2, 3",
            [persons],
        ):
            spells[person, system][program] = count
    whole = {
        (person, system): count
        for person, system, count in connection.execute(
            "select person_id, source_system, count(*) from linkage.crosswalk"
            " where closed_run_id is null and person_id = any(%s) group by 1, 2",
            [persons],
        )
    }
    held: Counter[int] = Counter()
    for (person, _), count in whole.items():
        held[person] += count
    found = []
    for (kind, old, new), keys in moved.items():
        of_system = Counter(system for system, _ in keys)
        total: Counter[str] = Counter()
        for system in sorted(of_system):
            total.update(spells[old, system])
        found.append(
            {
                "change": kind,
                "from_person_id": old,
                "to_person_id": new,
                "records": len(keys),
                "of": held[old],
                "spells": dict(sorted(total.items())),
                "is_exact": all(
                    count == whole.get((old, system)) or not spells[old, system]
                    for system, count in of_system.items()
                ),
            }
        )
    return sorted(
        found,
        key=lambda change: (-change["records"], change["from_person_id"], change["to_person_id"]),
    )
