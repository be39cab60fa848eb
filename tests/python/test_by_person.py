"""A build that makes anew only the persons whose inputs changed equals one that makes all.

On a real PostgreSQL with the project's own models: random persons, then a delivery with new,
corrected and removed rows, a merge and a split of persons. Add here: another way in which an input
may change. Keep out: what a model says of a person (unit tests and scenarios).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, timedelta

import psycopg
import pytest
from dbt_builds import dbt_build

from orchestration import dbt, release, warehouse
from orchestration.settings import Settings

PERSONS = 240
FIRST_DAY, DAYS = date(2024, 7, 1), 700
PROGRAMS = {
    "k12_enrollment": "k12",
    "snap": "benefits",
    "tanf": "benefits",
    "employment": "wages",
    "shelter": "hmis",
    "jail": "jail",
}
BORDER = (
    "core.spell_source",
    "core.event",
    "core.person",
    "core.organization",
    "core.source_coverage",
    "core.wage_quarter",
    "core.attendance_month",
    "identity.residence_evidence",
)
BUILT_FROM_THEM = ("program", "program_coverage")
ONE_A_PERIOD = {
    "core.wage_quarter": "quarter_start",
    "core.attendance_month": "month",
    "identity.residence_evidence": "evidence_month",
}
# identity's models declare no types
RESIDENCE_EVIDENCE = {
    "person_id": "bigint",
    "tract_geoid": "text",
    "dwelling_number": "integer",
    "source_system": "text",
    "evidence_month": "date",
}

# Persons by id; each is made of the source persons that were linked to it, in the version that
# their agencies delivered last.
Population = dict[int, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("by_person")


@pytest.fixture(scope="module")
def manifest(settings: Settings) -> dict:
    return json.loads(dbt.ensure_manifest(settings).read_text())


@pytest.fixture(scope="module")
def tables(manifest: dict) -> list[str]:
    """The tables built by person, as schema.table."""
    found = [
        f"{node['schema'].removesuffix(release.ASIDE)}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["config"].get("materialized") == "by_person"
    ]
    assert {"core.spell", "core.transition", "panels.person_month"} <= set(found)
    return sorted(found)


def aside(table: str) -> str:
    schema, name = table.split(".")
    return f"{schema}{'' if schema == 'identity' else release.ASIDE}.{name}"


def build(settings: Settings, *arguments: str) -> None:
    dbt_build(
        settings,
        *("--threads", "2", "--exclude-resource-type", "unit_test", "test", *arguments),
        **{release.SUFFIX_VARIABLE: release.ASIDE},
    )


# --- persons, and what a delivery does to them


def rows_of(person: int, source_person: int, version: int) -> dict[str, list[dict]]:
    """What the border says of one source person, under the id of the person it is linked to."""
    draw = random.Random(f"{source_person}.{version}")
    found: dict[str, list[dict]] = {table: [] for table in BORDER}

    def add(table: str, **columns: object) -> None:
        found[table].append({"person_id": person, **columns})

    def day(last: int = DAYS) -> date:
        return FIRST_DAY + timedelta(days=draw.randrange(last))

    def school() -> str:
        return f"org{draw.randrange(4)}"

    for number in range(draw.randrange(5)):
        program = draw.choice(list(PROGRAMS))
        start = day()
        add(
            "core.spell_source",
            spell_source_id=f"s{source_person}.{number}",
            program_id=program,
            organization_id=school() if program == "k12_enrollment" else None,
            source_system=PROGRAMS[program],
            start_date=start,
            last_day=start + timedelta(draw.randrange(200)) if draw.random() < 0.7 else None,
        )
    for number in range(1 + draw.randrange(2)):
        add(
            "core.event",
            event_id=f"e{source_person}.{number}",
            event_type=draw.choice(["birth", "parenthood", "arrest"]),
            date_precision="day",
            event_date=day(300),
        )
    for month in draw.sample([date(2024, 7, 1), date(2025, 1, 1), date(2025, 9, 1)], 2):
        add(
            "identity.residence_evidence",
            tract_geoid=f"9900{draw.randrange(3)}",
            evidence_month=month,
        )
    if draw.random() < 0.3:
        quarter = date(2025, 3 * draw.randrange(4) + 1, 1)
        add(
            "core.wage_quarter",
            n_employers=1,
            wages_usd=draw.randrange(9000),
            quarter_start=quarter,
        )
    if draw.random() < 0.3:
        add(
            "core.attendance_month",
            organization_id=school(),
            days_enrolled=20,
            days_present=draw.randrange(20),
            days_absent_excused=0,
            days_absent_unexcused=0,
            days_suspended=0,
            month=date(2025, 1 + draw.randrange(5), 1),
        )
    return found


def person_row(person: int, source_persons: list[tuple[int, int]]) -> dict:
    draw = random.Random(str(source_persons))
    return {
        "person_id": person,
        "n_source_persons": len(source_persons),
        "birth_month": date(1990 + draw.randrange(34), 1 + draw.randrange(12), 1),
        "death_date": FIRST_DAY + timedelta(draw.randrange(DAYS)) if draw.random() < 0.1 else None,
    }


def deliver(population: Population, draw: random.Random) -> Population:
    """New, corrected and gone persons, a merge and a split: few, as most stay as they are."""
    after = {person: list(linked) for person, linked in population.items()}
    some = draw.sample(sorted(after), 8)
    for person in some[:4]:
        after[person] = [(source, version + 1) for source, version in after[person]]
    del after[some[4]]
    after[some[5]] += after.pop(some[6])
    newest = max(after) + 1
    after[newest] = [(10_000 + newest, 0)]
    together = next((p for p, linked in sorted(after.items()) if len(linked) > 1), None)
    if together != some[5]:
        after[newest + 1] = [after[together].pop()]
    return after


def write(connection: psycopg.Connection, manifest: dict, population: Population) -> None:
    """The border, as the models before would have built it: new tables in place of the old."""
    rows: dict[str, list[dict]] = {table: [] for table in BORDER}
    for person, linked in population.items():
        rows["core.person"].append(person_row(person, linked))
        for source_person, version in linked:
            for table, more in rows_of(person, source_person, version).items():
                rows[table] += more
    for table, period in ONE_A_PERIOD.items():
        rows[table] = list({(row["person_id"], row[period]): row for row in rows[table]}.values())
    rows["core.organization"] = [
        {"organization_id": f"org{n}", "organization_subtype": ["elementary", "middle"][n % 2]}
        for n in range(4)
    ]
    rows["core.source_coverage"] = [
        {
            "coverage_id": program,
            "source_system": system,
            "program_id": program,
            "coverage_start": FIRST_DAY,
            "coverage_end": FIRST_DAY + timedelta(DAYS),
        }
        for program, system in PROGRAMS.items()
    ]
    for table in BORDER:
        schema, name = aside(table).split(".")
        types = {
            column["name"]: column["data_type"] or RESIDENCE_EVIDENCE[column["name"]]
            for column in manifest["nodes"][f"model.lifecourse.{name}"]["columns"].values()
        }
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"drop table if exists {schema}.{name} cascade")
        connection.execute(f"create table {schema}.{name} ({columns})")
        with connection.cursor().copy(f"copy {schema}.{name} from stdin") as copy:
            for row in rows[table]:
                copy.write_row([row.get(column) for column in types])


# --- looking at what was built


def contents(connection: psycopg.Connection, tables: list[str]) -> dict[str, tuple]:
    """Rows and a hash of every byte of every row, by table."""
    return {
        table: connection.execute(
            "select count(*), md5(string_agg(t::text, '|' order by t::text)) "
            f"from {aside(table)} as t"
        ).fetchone()
        for table in tables
    }


def places(connection: psycopg.Connection, table: str, persons: set[int]) -> set[tuple]:
    """Where the rows of these persons lie, and the transaction that wrote each."""
    return set(
        connection.execute(
            f"select person_id, ctid::text, xmin::text from {aside(table)} "
            "where person_id = any(%s)",
            [list(persons)],
        ).fetchall()
    )


def files(connection: psycopg.Connection, tables: list[str]) -> dict[str, int]:
    return {
        table: connection.execute(
            "select pg_relation_filenode(%s::regclass)", [aside(table)]
        ).fetchone()[0]
        for table in tables
    }


def exists(connection: psycopg.Connection, table: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [table]).fetchone()[0]


def test_a_delivery_makes_anew_the_persons_it_touches_and_nobody_else(settings, manifest, tables):
    names = [table.split(".")[1] for table in tables]
    draw = random.Random(7)
    first = {person: [(person, 0)] for person in range(1, PERSONS + 1)}
    for person in range(10, 20):  # some are of two source persons from the start
        first[person].append((20_000 + person, 0))

    with warehouse.connect(settings, autocommit=True) as connection:
        write(connection, manifest, first)
        build(
            settings, "--select", *names, *BUILT_FROM_THEM, "1+config.materialized:by_person,"
            "resource_type:seed", "ref_program", "policy_spell_rule",
        )  # fmt: skip
        assert all(rows for rows, _ in contents(connection, tables).values())
        before = {table: places(connection, table, set(first)) for table in tables}
        whole = files(connection, tables)

        # Two releases later the first one's tables by person are what a build starts from; all
        # else of it is gone, and so is a table that somebody's view still reads.
        with connection.transaction():
            release.swap(connection)
        connection.execute("create view looks as select * from core.exposure")
        connection.execute("create schema core__next; create schema panels__next")
        with connection.transaction():
            release.swap(connection)
        assert exists(connection, "core__standby.spell")
        assert not exists(connection, "core__standby.person")
        assert not exists(connection, "core__standby.exposure") and not exists(connection, "looks")

        # A build that ended half-way, then another delivery.
        second = deliver(first, draw)
        write(connection, manifest, second)
        build(settings, "--select", "spell", *BUILT_FROM_THEM)
        third = deliver(second, draw)
        write(connection, manifest, third)
        build(settings, "--select", *names, *BUILT_FROM_THEM)

        kept = [table for table in tables if table != "core.exposure"]
        assert files(connection, kept) == {table: whole[table] for table in kept}
        same = {person for person, linked in first.items() if third.get(person) == linked}
        assert len(same) > 0.9 * PERSONS
        for table in kept:
            assert places(connection, table, same) == {
                place for place in before[table] if place[0] in same
            }, table
        touched_only = contents(connection, tables)

        build(settings, "--full-refresh", "--select", *names)
        assert not set(files(connection, kept).values()) & set(whole.values())
        assert contents(connection, tables) == touched_only


def test_what_is_of_no_person_or_was_not_built_makes_everything_anew(settings, tables):
    """It takes up where the test before ended: everything is built and nothing has changed."""
    with warehouse.connect(settings, autocommit=True) as connection:
        before, rows = files(connection, tables), contents(connection, tables)
        # the panel begins later; somebody empties a table; somebody puts another in its place
        connection.execute(
            "update policy.policy_panel set first_month = '2024-09-01' "
            "where panel = 'person_month_program'"
        )
        connection.execute(
            "truncate core__next.exposure; create table other (like core__next.transition); "
            "drop table core__next.transition; alter table other rename to transition; "
            "alter table transition set schema core__next"
        )
        build(settings, "--select", "config.materialized:by_person")

        after = files(connection, tables)
        panel = "panels.person_month_program"
        # the two panels read the policy; quarters and school years are made of the months
        months = {panel, "panels.person_month", "panels.person_quarter", "panels.school_year"}
        assert {table for table in tables if after[table] != before[table]} == months | {
            "core.exposure",
            "core.transition",
        }
        assert 0 < contents(connection, [panel])[panel][0] < rows[panel][0]
        same = [table for table in tables if table != panel]
        assert contents(connection, same) == {table: rows[table] for table in same}
        orphans = connection.execute(
            "select count(*) from pg_class as s where relnamespace = 'by_person'::regnamespace "
            "and relkind = 'r' and not exists "
            "(select from pg_class as t where s.relname = 'state_' || t.oid)"
        ).fetchone()[0]
        # a replaced table goes after its next state was written; the next build clears up
        assert orphans <= len(months) + 2
