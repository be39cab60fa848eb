"""Every kind of bad file: rejected with one sentence, nothing loaded, nothing lost.

The table of files is in bad_input.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from bad_input import FAMILIES, GOOD, JAIL, MORE, TABLE, WAGE, Bad, manifest

from orchestration import landing, warehouse
from orchestration.errors import UnusableEnvironment
from orchestration.landing.contracts import Contract
from orchestration.settings import PROJECT_ROOT, Settings

ACCEPTED = {
    "k12/2025-01/schools.csv": GOOD.encode(),
    "jail/2025-01/bookings.csv": JAIL.encode("cp1252"),
    "wages/2025-01/wages_2024Q3.txt": (WAGE + "\n").encode(),
    "tanf_acf/2025-01/ADS.E2J.FTP1.TS06": FAMILIES.encode(),
}


@pytest.fixture(scope="module")
def contracts() -> tuple[Contract, ...]:
    return landing.load_contracts(PROJECT_ROOT / "expectations")


@pytest.fixture(scope="module")
def connection(
    fresh_settings: Callable[[str], Settings],
    contracts: tuple[Contract, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> psycopg.Connection:
    """A warehouse in which one good load of each agency has been accepted."""
    folder = tmp_path_factory.mktemp("accepted")
    for place, content in ACCEPTED.items():
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_bytes(content)
    with warehouse.connect(fresh_settings("bad_input")) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, contracts)
        for file in landing.discover(folder, contracts):
            load_id = landing.register(connection, file).load_id
            landing.load_candidate(connection, file, load_id)
            connection.execute("update quality.load set gate_status = 'passed'")
            landing.publish(connection, [load_id])
        yield connection


def published(connection: psycopg.Connection) -> dict[str, object]:
    """What readers see and what stands behind it: rows of every view, every agency table."""
    views = connection.execute(
        r"select schemaname, viewname from pg_views where schemaname like 'staging\_%' "
        r"order by 1, 2"
    ).fetchall()
    seen: dict[str, object] = {
        f"{schema}.{name}": connection.execute(
            f"select count(*), md5(string_agg(r::text, '' order by r::text)) from {schema}.{name} r"
        ).fetchone()
        for schema, name in views
    }
    seen["tables"] = connection.execute(
        r"select oid::regclass::text from pg_class where relkind in ('r', 'p') and "
        r"relnamespace::regnamespace::text ~ '^(staging|candidate)_' order by 1"
    ).fetchall()
    seen["current"] = connection.execute(
        "select load_id from quality.load where is_current order by 1"
    ).fetchall()
    connection.commit()
    return seen


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.name.replace(" ", "_"))
def test_bad_input_is_rejected_with_one_sentence(
    bad: Bad,
    connection: psycopg.Connection,
    contracts: tuple[Contract, ...],
    tmp_path: Path,
) -> None:
    path = tmp_path / bad.place
    path.parent.mkdir(parents=True)
    path.write_bytes(bad.content.encode() if isinstance(bad.content, str) else bad.content)
    if bad.manifest is not None:
        (path.parent / "manifest.json").write_text(bad.manifest)
    before = published(connection)
    sentence = f"{bad.place}: {bad.says}"

    [file] = landing.discover(tmp_path, contracts)
    registration = landing.register(connection, file)
    assert registration.status == "received"
    with pytest.raises(landing.DeliveryRejected) as caught:
        landing.load_candidate(connection, file, registration.load_id)

    assert str(caught.value) == sentence
    assert caught.value.exit_code == 1
    row = connection.execute(
        "select status, reason, row_count, is_current from quality.load where load_id = %s",
        (registration.load_id,),
    ).fetchone()
    assert row == ("rejected", sentence, None, False)
    assert published(connection) == before
    again = landing.register(connection, file)
    assert again == landing.Registration(registration.load_id, "rejected", True, sentence)


def test_a_good_file_is_accepted_after_all_that(
    connection: psycopg.Connection, contracts: tuple[Contract, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "k12" / "2025-02"
    folder.mkdir(parents=True)
    (folder / "schools.csv").write_text(MORE)
    (folder / "manifest.json").write_text(manifest(MORE))
    [file] = landing.discover(tmp_path, contracts)
    load_id = landing.register(connection, file).load_id
    assert landing.load_candidate(connection, file, load_id).tables == {"schools": 3}
    # not published: the tests above compare with what was published before them
    connection.execute("update quality.load set status = 'rejected' where load_id = %s", (load_id,))
    landing.recover(connection)


def test_a_file_that_changes_while_it_is_read_is_not_loaded(
    connection: psycopg.Connection, contracts: tuple[Contract, ...], tmp_path: Path
) -> None:
    """As when a transfer is still writing: registered in one state, read in another."""
    path = tmp_path / "k12" / "2025-03" / "schools.csv"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD + GOOD.splitlines()[1] + "\n")
    [file] = landing.discover(tmp_path, contracts)
    registration = landing.register(connection, file)
    path.write_text(MORE)
    with pytest.raises(landing.DeliveryRejected, match="it changed between being registered and"):
        landing.load_candidate(connection, file, registration.load_id)
    [file] = landing.discover(tmp_path, contracts)
    assert landing.register(connection, file).status == "received"


def test_a_file_that_is_gone_is_not_its_own_fault(
    connection: psycopg.Connection, contracts: tuple[Contract, ...], tmp_path: Path
) -> None:
    path = tmp_path / "k12" / "2025-04" / "schools.csv"
    path.parent.mkdir(parents=True)
    path.write_text(MORE.replace("North", "East"))
    [file] = landing.discover(tmp_path, contracts)
    registration = landing.register(connection, file)
    shutil.rmtree(path.parent)
    with pytest.raises(UnusableEnvironment, match="could not be read to its end"):
        landing.load_candidate(connection, file, registration.load_id)
    with pytest.raises(UnusableEnvironment, match="cannot be read"):
        landing.register(connection, file)
    status = connection.execute(
        "select status from quality.load where load_id = %s", (registration.load_id,)
    ).fetchone()
    assert status == ("received",)


def test_no_sentence_carries_a_value_of_the_file() -> None:
    """The sentences of the table hold no value that stands in a data row."""
    for bad in TABLE:
        for value in ("North", "Main St", "Caf", "Pe\u00f1a", "001020003", "11111111111"):
            assert value not in bad.says, bad.name
