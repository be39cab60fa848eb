"""The homelessness system in the format of FY2024 and of FY2026: one county, the same rows.

The same county is handed over in both formats, landed and typed for real; what staging says of it
must not depend on the format, and when the system changes format nothing may count twice.
Add here: the next fiscal year. Keep out: rules of single columns (unit tests of the models).
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from orchestration import county, dbt, landing, warehouse
from orchestration.settings import Settings

MODELS = ("clients", "enrollments", "exits", "organizations", "projects", "services", "exports")
# Of a delivery, or of the format itself.
NOT_OF_THE_COUNTY = {"load_id", "delivery", "received_at", "csv_version", "source_export_id"}


@pytest.fixture(scope="module")
def counties(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same county in each format: fiscal year -> folder of deliveries."""
    made = {}
    for year in ("2026", "2024"):
        made[year] = tmp_path_factory.mktemp(f"fy{year}")
        county.generate(made[year], persons=1_500, months=1, bad_delivery=False, hmis_csv=year)
    return made


@pytest.fixture(scope="module")
def settings(fresh_settings: Callable[[str], Settings]) -> Settings:
    return fresh_settings("twin")


@pytest.fixture(scope="module")
def connection(settings: Settings) -> Iterator[psycopg.Connection]:
    with warehouse.connect(settings) as open_connection:
        warehouse.ensure_bookkeeping(open_connection)
        open_connection.commit()
        yield open_connection


def take_in(
    connection: psycopg.Connection, contracts: tuple, made: Path, agency: str, delivery: str,
    drop: Path,
) -> None:  # fmt: skip
    """Land and publish the county's only export of `agency` as the given delivery."""
    shutil.copytree(made / "observed" / agency / "2025-01", drop / agency / delivery)
    (drop / agency / delivery / "manifest.json").unlink()
    own = tuple(c for c in contracts if c.agency == agency)
    loads = []
    for file in landing.discover(drop, own):
        load_id = landing.register(connection, file).load_id
        landing.load_candidate(connection, file, load_id)
        loads.append(load_id)
    connection.execute(
        "update quality.load set gate_status = 'passed' where load_id = any(%s)", (loads,)
    )
    connection.commit()
    landing.publish(connection, loads)


def conformed(connection: psycopg.Connection) -> dict[str, list[tuple]]:
    """What the staging models say of the county, model by model, in one order."""
    said = {}
    for model in MODELS:
        columns = [
            name
            for (name,) in connection.execute(
                "select column_name from information_schema.columns"
                " where table_schema = 'stg' and table_name = %s order by ordinal_position",
                (f"stg_hmis__{model}",),
            )
            if name not in NOT_OF_THE_COUNTY
        ]
        rows = connection.execute(
            f"select {', '.join(columns)} from stg.stg_hmis__{model}"
        ).fetchall()
        said[model] = sorted(rows, key=repr)
    connection.commit()
    return said


def header(made: Path, agency: str, name: str) -> list[str]:
    with (made / "observed" / agency / "2025-01" / name).open(newline="") as handle:
        return next(csv.reader(handle))


def test_both_formats_of_one_county_give_the_same_rows(
    counties: dict[str, Path], settings: Settings, connection: psycopg.Connection, tmp_path: Path
) -> None:
    assert "Sex" in header(counties["2026"], "hmis", "Client.csv")
    older = header(counties["2024"], "hmis_2024", "Client.csv")
    assert "Sex" not in older and {"Woman", "Man", "HispanicLatinaeo"} <= set(older)
    contracts = landing.load_contracts(settings.contracts)
    homeless = [c for c in contracts if c.agency in ("hmis", "hmis_2024")]
    landing.ensure_staging(connection, homeless)
    connection.commit()
    take_in(connection, contracts, counties["2024"], "hmis_2024", "2025-09", tmp_path / "older")
    seeds = ["policy_sentinel", "policy_ssn_placeholder"]
    models = [f"stg_hmis__{model}" for model in MODELS]
    assert dbt.passthrough(settings, ["seed", "--quiet", "--select", *seeds]) == 0
    assert dbt.passthrough(settings, ["run", "--quiet", "--select", *models]) == 0
    fy2024 = conformed(connection)
    assert all(fy2024.values()), {model: len(rows) for model, rows in fy2024.items()}
    sexes = connection.execute("select count(distinct sex) from stg.stg_hmis__clients").fetchone()
    assert sexes == (2,)
    # in October the system changes its format: nothing changes, nothing counts twice
    take_in(connection, contracts, counties["2026"], "hmis", "2025-10", tmp_path / "newer")
    version = connection.execute("select csv_version from stg.stg_hmis__exports").fetchall()
    assert version == [("2026",)]
    fy2026 = conformed(connection)
    for model in MODELS:
        assert fy2026[model] == fy2024[model], model
