"""Originals, resubmissions, corrections, replacements, increments: what is current, as of when.

Three files of a made-up agency on a real PostgreSQL: `clients`, of which one file covers
everything, `visits`, delivered month by month, and `stays`, whole for the months that it holds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import yaml

from orchestration import landing, pipeline, warehouse
from orchestration.errors import UsageError
from orchestration.landing import delivery_types, registry
from orchestration.landing.contracts import Contract
from orchestration.quality import gate
from orchestration.settings import Settings

CLIENTS = ("client_no", "name", "change")
VISITS = ("visit_no", "visit_month", "note", "change")


def contract(folder: Path, file: str, columns: tuple[str, ...], **custom: object) -> Contract:
    properties = {
        "accessClass": "protected",
        "legalAuthority": "Test",
        "fileFormat": "csv",
        "filePattern": rf"{file}(_(?P<period>\d{{4}}-\d\d))?\.csv",
        "deletedWhen": {"column": "change", "values": ["D"]},
        **custom,
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"clinic.{file}",
        "version": "1.0.0",
        "status": "active",
        "domain": "health",
        "description": {"purpose": "A test."},
        "team": {
            "members": [
                {"username": role, "role": role}
                for role in ("data_owner", "data_steward", "data_custodian")
            ]
        },
        "slaProperties": [
            {"property": "frequency", "value": "monthly"},
            {"property": "retention", "value": "7 years"},
        ],
        "customProperties": [{"property": k, "value": v} for k, v in properties.items()],
        "schema": [
            {
                "name": file,
                "properties": [
                    {
                        "name": name,
                        "logicalType": "string",
                        "classification": "protected",
                        "customProperties": [{"property": "role", "value": "content"}],
                        **(
                            {"required": True, "primaryKey": True, "primaryKeyPosition": 1}
                            if number == 0
                            else {}
                        ),
                        **({"required": True} if name in ("name", "note") else {}),
                    }
                    for number, name in enumerate(columns)
                ],
            }
        ],
    }
    path = folder / "clinic" / f"{file}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"contract": document}))
    return landing.load_contract(path)


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Contract, ...]:
    folder = tmp_path_factory.mktemp("expectations")
    return (
        contract(folder, "clients", CLIENTS, deliveryKind="snapshot"),
        contract(folder, "visits", VISITS, deliveryKind="increment", rowPeriod="{visit_month}"),
        contract(folder, "stays", VISITS, deliveryKind="snapshot", rowPeriod="{visit_month}"),
    )


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("delivery_types")


@pytest.fixture
def desk(settings: Settings, contracts: tuple[Contract, ...], tmp_path: Path) -> Iterator[Desk]:
    with warehouse.connect(settings) as connection:
        for schema in ("quality", "quarantine", "candidate_clinic", "staging_clinic"):
            connection.execute(f"drop schema if exists {schema} cascade")
        warehouse.ensure_bookkeeping(connection)
        connection.commit()
        landing.ensure_staging(connection, contracts)
        yield Desk(settings, connection, contracts, tmp_path / "deliveries")


@dataclass
class Desk:
    settings: Settings
    connection: psycopg.Connection
    contracts: tuple[Contract, ...]
    folder: Path

    def put(self, place: str, *rows: str, manifest: str | None = None) -> landing.DeliveredFile:
        """A file of these rows at <delivery>/<name>, its columns by its name."""
        path = self.folder / "clinic" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        header = CLIENTS if path.name.startswith("clients") else VISITS
        path.write_text("\n".join([",".join(header), *rows]) + "\n")
        if manifest is not None:
            (path.parent / "manifest.json").write_text(manifest)
        found = landing.discover(self.folder, self.contracts)
        return next(file for file in found if file.place == f"clinic/{place}")

    def load(self, place: str, *rows: str, manifest: str | None = None) -> int:
        file = self.put(place, *rows, manifest=manifest)
        registration = landing.register(self.connection, file)
        assert registration.status == "received", registration.reason
        landing.load_candidate(self.connection, file, registration.load_id)
        return registration.load_id

    def accept(self, place: str, *rows: str, manifest: str | None = None) -> int:
        load_id = self.load(place, *rows, manifest=manifest)
        self.publish(load_id)
        return load_id

    def publish(self, *load_ids: int) -> None:
        self.connection.execute(
            "update quality.load set gate_status = 'passed' where load_id = any(%s)",
            (list(load_ids),),
        )
        landing.publish(self.connection, load_ids)

    def current(self, table: str, as_of: int | None = None) -> list[tuple]:
        """The rows of a table, without the mark, as they are or as of a load."""
        names = ", ".join((CLIENTS if table == "clients" else VISITS)[:-1])
        self.connection.execute(
            "select set_config('lifecourse.as_of', %s, true)", (str(as_of or ""),)
        )
        rows = self.connection.execute(
            f"select {names} from staging_clinic.{table}_current order by {names}"
        ).fetchall()
        self.connection.commit()
        return rows

    def one(self, query: str, *values: object) -> object:
        row = self.connection.execute(query, values or None).fetchone()
        self.connection.commit()
        return row[0]


# --- whole deliveries and changes


def test_a_life_of_a_month(desk: Desk) -> None:
    original = desk.accept("2025-02/visits_2025-01.csv", "v1,2025-01,a,", "v2,2025-01,b,")
    other = desk.accept("2025-03/visits_2025-02.csv", "v3,2025-02,c,", "v4,2025-02,d,")
    correction = desk.accept("2025-03_c1/visits_2025-01.csv", "v1,2025-01,A,")
    increment = desk.accept(
        "2025-03_i2/visits_2025-01.csv", "v2,,,D", "v5,2025-01,e,", "v9,2025-01,,D"
    )
    resubmission = desk.accept("2025-04_r1/visits_2025-01.csv", "v5,2025-01,E,")

    first = [("v1", "2025-01", "a"), ("v2", "2025-01", "b")]
    second = [("v3", "2025-02", "c"), ("v4", "2025-02", "d")]
    corrected = [("v1", "2025-01", "A"), ("v2", "2025-01", "b"), *second]
    changed = [("v1", "2025-01", "A"), *second, ("v5", "2025-01", "e")]
    resubmitted = [*second, ("v5", "2025-01", "E")]
    assert desk.current("visits") == resubmitted
    assert desk.current("visits", as_of=original) == first
    assert desk.current("visits", as_of=other) == first + second
    assert desk.current("visits", as_of=correction) == corrected
    assert desk.current("visits", as_of=increment) == changed
    assert desk.current("visits", as_of=resubmission) == resubmitted
    assert desk.connection.execute(
        "select delivery_type, scope, is_current from quality.load order by load_id"
    ).fetchall() == [
        ("original", "2025-01", False),
        ("original", "2025-02", True),
        ("correction", "2025-01", False),
        ("incremental", "2025-01", False),
        ("resubmission", "2025-01", True),
    ]
    # every row there ever was is still there, under its load
    assert desk.one("select count(*) from staging_clinic.visits") == 9


def test_a_full_replacement_closes_every_period_and_a_later_month_closes_its_own(
    desk: Desk,
) -> None:
    desk.accept("2025-02/visits_2025-01.csv", "v1,2025-01,a,")
    desk.accept("2025-03/visits_2025-02.csv", "v2,2025-02,b,")
    full = desk.accept("2025-04_f1/visits.csv", "v1,2025-01,x,", "v2,2025-02,y,", "v3,2025-03,z,")
    assert [row[0] for row in desk.current("visits")] == ["v1", "v2", "v3"]
    periods = "select _period, _load_id from staging_clinic.visits_current order by 1"
    assert desk.connection.execute(periods).fetchall() == [
        ("2025-01", full), ("2025-02", full), ("2025-03", full)
    ]  # fmt: skip
    again = desk.accept("2025-05_r1/visits_2025-02.csv", "v4,2025-02,new,")
    assert desk.current("visits") == [
        ("v1", "2025-01", "x"), ("v3", "2025-03", "z"), ("v4", "2025-02", "new")
    ]  # fmt: skip
    # a correction of one month leaves a row of another alone, were its key the same
    desk.accept("2025-05_c2/visits_2025-01.csv", "v1,2025-01,X,", "v3,2025-01,odd,")
    assert desk.current("visits") == [
        ("v1", "2025-01", "X"), ("v3", "2025-01", "odd"), ("v3", "2025-03", "z"),
        ("v4", "2025-02", "new"),
    ]  # fmt: skip
    assert [row[0] for row in desk.current("visits", as_of=again)] == ["v1", "v3", "v4"]


def test_a_snapshot_that_rolls_closes_the_periods_it_holds_and_no_other(desk: Desk) -> None:
    """A year that has left the file was not withdrawn; a record of a year in it was."""
    first = desk.accept("2025-01/stays.csv", "s1,2023,a,", "s2,2023,b,", "s3,2024,c,")
    desk.accept("2025-02/stays.csv", "s1,2023,a,", "s3,2024,c,", "s4,2024,d,")
    turned = desk.accept("2025-03/stays.csv", "s4,2024,d,", "s5,2025,e,")
    assert desk.current("stays") == [("s1", "2023", "a"), ("s4", "2024", "d"), ("s5", "2025", "e")]
    assert [row[0] for row in desk.current("stays", as_of=first)] == ["s1", "s2", "s3"]
    assert desk.one("select held_periods from quality.load order by 1 limit 1") == ["2023", "2024"]
    # a record that stands under another year now stands there alone
    desk.accept("2025-04/stays.csv", "s1,2025,A,", "s4,2024,d,")
    assert desk.current("stays") == [("s1", "2025", "A"), ("s4", "2024", "d")]
    # the whole again with all its periods: what it leaves out is gone
    desk.accept("2025-05_f1/stays.csv", "s9,2025,z,")
    assert desk.current("stays") == [("s9", "2025", "z")]
    assert [row[0] for row in desk.current("stays", as_of=turned)] == ["s1", "s4", "s5"]
    assert desk.one("select count(*) from quality.load where is_current") == 1


def test_a_snapshot_takes_increments_and_says_until_when_its_rows_hold(desk: Desk) -> None:
    desk.accept("2025-01/clients.csv", "c1,Ann,", "c2,Bo,", "c3,Cy,")
    desk.accept("2025-02_i1/clients.csv", "c2,Bob,", "c3,,D", "c4,Di,")
    query = "select client_no, name, _delivery from staging_clinic.clients_current order by 1"
    assert desk.connection.execute(query).fetchall() == [
        ("c1", "Ann", "2025-02_i1"), ("c2", "Bob", "2025-02_i1"), ("c4", "Di", "2025-02_i1")
    ]  # fmt: skip
    # a correction tells nothing of the rows that it does not hold
    correction = desk.accept("2025-04_c1/clients.csv", "c1,Anna,")
    assert desk.connection.execute(query).fetchall() == [
        ("c1", "Anna", "2025-04_c1"), ("c2", "Bob", "2025-02_i1"), ("c4", "Di", "2025-02_i1")
    ]  # fmt: skip
    desk.accept("2025-05/clients.csv", "c9,Zoe,")
    assert desk.current("clients") == [("c9", "Zoe")]
    desk.connection.execute(f"set lifecourse.as_of = '{correction}'")
    assert len(desk.connection.execute(query).fetchall()) == 3
    desk.connection.rollback()


def test_what_was_held_is_current_from_its_release_on(desk: Desk) -> None:
    """Load ids are given when files arrive; what is current goes by publication."""
    first = desk.accept("2025-01/clients.csv", "c1,Ann,", "c2,Bo,")
    held = desk.load("2025-02_c1/clients.csv", "c1,Anna,")
    later = desk.accept("2025-02_c2/clients.csv", "c2,Bob,")
    assert held < later
    desk.publish(held)
    assert desk.current("clients", as_of=first) == [("c1", "Ann"), ("c2", "Bo")]
    assert desk.current("clients", as_of=later) == [("c1", "Ann"), ("c2", "Bob")]
    assert desk.current("clients", as_of=held) == [("c1", "Anna"), ("c2", "Bob")]


def test_deliveries_of_a_month_are_in_the_order_of_their_numbers(desk: Desk) -> None:
    names = ["2025-03", "2025-03_r1", "2025-03_c2", "2025-03_r10", "2025-03_late", "2025-04"]
    expected = ["2025-03", "2025-03_late", "2025-03_r1", "2025-03_c2", "2025-03_r10", "2025-04"]
    assert sorted(names, key=delivery_types.order) == expected
    for name in names:
        landing.register(desk.connection, desk.put(f"{name}/clients.csv", f"{name},x,"))
    assert [
        row[0]
        for row in desk.connection.execute(
            "select delivery from quality.load order by delivery_order"
        )
    ] == expected


# --- what the terms are


@pytest.mark.parametrize(
    ("place", "manifest", "expected"),
    [
        ("2025-02/clients.csv", None, ("full_replacement", "2025-02", "*")),
        ("2025-02_i3/clients.csv", None, ("incremental", "2025-02", "*")),
        ("2025-02/stays.csv", None, ("original", "2025-02", "*")),
        ("2025-02_late/visits_2025-01.csv", None, ("original", "2025-01", "2025-01")),
        ("2025-02_r1/visits_2025-01.csv", None, ("resubmission", "2025-01", "2025-01")),
        (
            "2025-02_r1/visits_2025-01.csv",
            '{"files": [{"name": "visits_2025-01.csv", "type": "correction"}]}',
            ("correction", "2025-01", "2025-01"),
        ),
        (
            "2025-02/visits.csv",
            '{"type": "incremental", "period": "*", "files": [{"name": "visits.csv"}]}',
            ("incremental", "2025-02", "*"),
        ),
        (
            "2025-02/visits.csv",
            '{"files": [{"name": "visits.csv", "period": "2024-12"}]}',
            ("original", "2024-12", "2024-12"),
        ),
    ],
)
def test_type_and_scope_come_from_manifest_folder_or_contract(
    desk: Desk, place: str, manifest: str | None, expected: tuple[str, str, str]
) -> None:
    load_id = landing.register(
        desk.connection, desk.put(place, "1,2,3,", manifest=manifest)
    ).load_id
    assert (
        desk.connection.execute(
            "select delivery_type, period, scope from quality.load where load_id = %s", (load_id,)
        ).fetchone()
        == expected
    )


def test_terms_that_cannot_be_are_rejected_with_a_sentence(
    desk: Desk, contracts: tuple[Contract, ...]
) -> None:
    def reason(place: str, manifest: str | None = None) -> str | None:
        registration = landing.register(
            desk.connection, desk.put(place, "1,2,3,", manifest=manifest)
        )
        assert registration.status == "rejected"
        return registration.reason

    assert reason(
        "2025-01/visits_2024-12.csv",
        '{"files": [{"name": "visits_2024-12.csv", "period": "2024-11"}]}',
    ) == (
        "clinic/2025-01/visits_2024-12.csv: the manifest says that it covers 2024-11, its own name "
        "or header 2024-12."
    )
    assert reason(
        "2025-02/visits_2024-12.csv",
        '{"files": [{"name": "visits_2024-12.csv", "type": "update"}]}',
    ) == (
        "clinic/2025-02/visits_2024-12.csv: its manifest names a delivery type other than "
        "original, resubmission, full_replacement, correction, incremental."
    )
    clients, visits, _ = contracts
    keyless = tuple(replace(c, key_position=None) for c in clients.tables[0].columns)
    desk.contracts = (
        replace(clients, tables=(replace(clients.tables[0], columns=keyless),)),
        replace(visits, row_period=None),
    )
    assert reason("2025-03_c1/clients.csv") == (
        "clinic/2025-03_c1/clients.csv: it is a delivery of the type correction, and the contract "
        "names no key by which single rows could be replaced; send the whole again."
    )
    assert "does not say how a row tells its own (rowPeriod)" in (
        reason("2025-03_f1/visits_2025-02.csv") or ""
    )


def test_the_same_content_is_a_duplicate_only_where_it_changes_nothing(desk: Desk) -> None:
    def status(place: str, *rows: str) -> str:
        return landing.register(desk.connection, desk.put(place, *rows)).status

    desk.accept("2025-01/clients.csv", "c1,Ann,", "c2,Bo,")
    desk.accept("2025-02_c1/clients.csv", "c1,Anna,")
    assert status("2025-02_c2/clients.csv", "c1,Anna,") == "duplicate"
    # the whole again, as before the correction: it takes the correction back
    desk.accept("2025-03/clients.csv", "c1,Ann,", "c2,Bo,")
    assert desk.current("clients") == [("c1", "Ann"), ("c2", "Bo")]
    # only c1, as the correction had it, but now it is everything there is
    desk.accept("2025-04_c1/clients.csv", "c1,Anna,")
    desk.accept("2025-05/clients.csv", "c1,Anna,")
    assert desk.current("clients") == [("c1", "Anna")]
    # a month as it was before everything was replaced is news
    desk.accept("2025-02/visits_2025-01.csv", "v1,2025-01,a,")
    desk.accept("2025-03_f1/visits.csv", "v1,2025-01,b,")
    desk.accept("2025-04_r1/visits_2025-01.csv", "v1,2025-01,a,")
    assert desk.current("visits") == [("v1", "2025-01", "a")]


# --- any history


@dataclass
class Delivery:
    """changes: whether it holds changed rows only. rows: (key, period, value or None)."""

    place: str
    scope: str
    changes: bool
    rows: list[tuple[str, str, str | None]]

    def closes(self, key: str, period: str) -> bool:
        has_key = key in {key for key, _, _ in self.rows}
        if self.scope == "what it holds":
            return has_key or period in {period for _, period, _ in self.rows}
        return self.scope in ("*", period) and (has_key or not self.changes)


def brute_force(deliveries: list[Delivery]) -> list[tuple[str, str, str]]:
    """One delivery after the other, in the agency's order, row by row."""
    state: list[tuple[str, str, str]] = []
    ordered = sorted(deliveries, key=lambda d: delivery_types.order(d.place.split("/")[0]))
    for delivery in ordered:
        state = [row for row in state if not delivery.closes(row[0], row[1])]
        state += [(key, period, value) for key, period, value in delivery.rows if value]
    return sorted(state)


def random_delivery(rng: random.Random, number: int) -> Delivery:
    month = f"2025-{rng.randint(1, 3):02d}"
    kind = rng.choice(["", "r", "f", "c", "c", "i", "i"])
    scope = "*" if kind == "f" else month
    changes = kind in ("c", "i")
    rows = []
    for key in rng.sample(range(8), rng.randint(1, 4 if changes else 7)):
        gone = rng.random() < 0.25
        period = month if scope != "*" else f"2025-{rng.randint(1, 3):02d}"
        rows.append((f"v{key}", period, None if gone else f"{number}"))
    delivery = f"2025-{rng.randint(4, 6):02d}" + (f"_{kind}{number}" if kind else f"_{number}")
    name = "visits.csv" if kind == "f" else f"visits_{month}.csv"
    return Delivery(f"{delivery}/{name}", scope, changes, rows)


def random_roll(rng: random.Random, number: int) -> Delivery:
    """A snapshot of one or two months of three, or changes of any, or everything."""
    kind = rng.choice(["", "", "r", "c", "c", "i", "i"] * 3 + ["f"])
    months = rng.sample(["2025-01", "2025-02", "2025-03"], rng.randint(1, 2))
    if kind in ("f", "c", "i"):
        months = ["2025-01", "2025-02", "2025-03"]
    rows = [
        (f"v{key}", rng.choice(months), None if rng.random() < 0.2 else f"{number}")
        for key in rng.sample(range(8), rng.randint(1, 6))
    ]
    delivery = f"2025-{rng.randint(4, 6):02d}" + (f"_{kind}{number}" if kind else f"_{number}")
    scope = "*" if kind in ("f", "c", "i") else "what it holds"
    return Delivery(f"{delivery}/stays.csv", scope, kind in ("c", "i"), rows)


@pytest.mark.parametrize("seed", [20261125, 7, 11])
@pytest.mark.parametrize(("file", "make"), [("visits", random_delivery), ("stays", random_roll)])
def test_any_sequence_of_deliveries_ends_as_row_by_row(
    desk: Desk, seed: int, file: str, make: Callable[[random.Random, int], Delivery]
) -> None:
    """In whatever order they arrive, now and as of each of them."""
    rng = random.Random(seed)
    deliveries = [make(rng, number) for number in range(1, 26)]
    arrived: list[Delivery] = []
    states: dict[int, list[tuple[str, str, str]]] = {}
    for delivery in deliveries:
        lines = [
            f"{key},{period},{value or ''},{'' if value else 'D'}"
            for key, period, value in delivery.rows
        ]
        load_id = desk.accept(delivery.place, *lines)
        arrived.append(delivery)
        states[load_id] = brute_force(arrived)
        assert desk.current(file) == states[load_id], delivery.place
    assert len({tuple(state) for state in states.values()}) > 8
    for load_id, state in states.items():
        assert desk.current(file, as_of=load_id) == state
    flags = desk.connection.execute(
        "select load_id from quality.load where is_current order by 1"
    ).fetchall()
    assert (
        flags
        == desk.connection.execute("select load_id from quality.current_load order by 1").fetchall()
    )


# --- the gate, the command line


def test_the_gate_knows_changes_from_wholes(desk: Desk) -> None:
    clients = desk.contracts[0]

    def judge(place: str, *rows: str) -> dict[str, str]:
        load_id = desk.load(place, *rows)
        report = gate.run_gate(desk.settings, clients, load_id)
        if report.passed:
            desk.publish(load_id)
        return {r.rule_id.rpartition(".")[2]: r.status for r in report.results}

    everyone = [f"c{n},Name {n}," for n in range(200)]
    judge("2025-01/clients.csv", *everyone)
    judge("2025-02/clients.csv", *everyone, "d1,New,")
    correction = judge("2025-02_c1/clients.csv", "c1,Right,")
    assert correction["rows_near_history"] == correction["ids_carried_over"] == "not_applicable"
    increment = judge("2025-03_i1/clients.csv", "c2,,D", "c3,Right,")
    assert increment["required_filled"] == "passed"
    assert increment["ids_carried_over"] == "not_applicable"
    assert judge("2025-03_i2/clients.csv", "c4,,")["required_filled"] == "failed"
    assert judge("2025-03_i3/clients.csv", ",,D")["required_filled"] == "failed"
    # two wholes have come before this one, whatever came between
    whole = judge("2025-04/clients.csv", *everyone)
    assert whole["rows_near_history"] == whole["ids_carried_over"] == "passed"
    assert judge("2025-05/clients.csv", *everyone[:100])["rows_near_history"] == "failed"


def test_a_session_as_of_a_load_sees_it_so_and_a_run_refuses(
    desk: Desk, contracts: tuple[Contract, ...], tmp_path: Path
) -> None:
    first = desk.accept("2025-01/clients.csv", "c1,Ann,")
    desk.accept("2025-02/clients.csv", "c2,Bo,")
    then = replace(desk.settings, as_of=first)
    query = "select client_no from staging_clinic.clients_current"
    with warehouse.connect(then) as connection:
        assert connection.execute(query).fetchall() == [("c1",)]
    assert warehouse.environment(then)["PGOPTIONS"] == f"-c lifecourse.as_of={first}"
    assert "PGOPTIONS" not in warehouse.environment(desk.settings)
    with pytest.raises(UsageError, match="LIFECOURSE_AS_OF is set"):
        pipeline.run(then, tmp_path)
    with (
        warehouse.connect(replace(then, as_of=99)) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="load 99 was never published"),
    ):
        connection.execute(query)


def test_a_warehouse_from_before_is_taken_over(desk: Desk) -> None:
    """Loads published when there were no publications are current as they were."""
    desk.accept("2025-01/clients.csv", "c1,Ann,")
    last = desk.accept("2025-02/clients.csv", "c2,Bo,")
    desk.connection.execute("alter table quality.load drop column publication cascade")
    desk.connection.execute("comment on table quality.seen_file is null")
    desk.connection.commit()
    landing.ensure_staging(desk.connection, desk.contracts)
    assert desk.current("clients") == [("c2", "Bo")]
    assert desk.current("clients", as_of=last) == [("c2", "Bo")]
    assert registry.waiting(desk.connection, "clinic", desk.contracts, "2025-02") == []
