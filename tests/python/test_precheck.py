"""`lifecourse check`: an agency's file judged before it is sent, without a warehouse.

Add here: what such a check must say or must not leave behind. Keep out: single rules
(test_quality), reading files (test_bad_input).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.errors import UsageError
from orchestration.quality import precheck
from orchestration.settings import Settings, load

CONTRACT = "wages/quarterly_wages"


@pytest.fixture(scope="module")
def wages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from orchestration.bench import landing

    path = tmp_path_factory.mktemp("agency") / "wages_2025Q1.txt"
    landing.write_wages(path, 200, seed=7)
    return path


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load()


def test_a_good_file_would_be_accepted_and_nothing_of_it_stays(
    settings: Settings, wages: Path
) -> None:
    there = set(Path(tempfile.gettempdir()).glob("lifecourse-check-*"))
    found = precheck.check(settings, wages, CONTRACT)
    assert found.passed and found.rows == {"quarterly_wages": 200}
    by_name = {r.rule_id.rpartition(".")[2]: r.status for r in found.results}
    assert by_name["formats_hold"] == "passed"
    assert by_name["rows_near_history"] == by_name["shapes_near_history"] == "not_applicable"
    assert set(Path(tempfile.gettempdir()).glob("lifecourse-check-*")) == there


def test_a_bad_file_says_what_is_wrong_and_no_persons_value(wages: Path, tmp_path: Path) -> None:
    lines = wages.read_text().splitlines()
    bad = tmp_path / wages.name
    # More of them than are set aside one by one.
    a_tenth = len(lines) // 10 + 1
    wrong = [line[:76] + "ABCDEFGHIJ" for line in lines[:a_tenth]]
    bad.write_text("\n".join([*wrong, *lines[a_tenth:]]) + "\n")
    done = CliRunner().invoke(main, ["check", str(bad), "--contract", CONTRACT, "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    failed = [r["rule_id"] for r in said["results"] if r["status"] == "failed"]
    assert failed == ["wages.quarterly_wages.formats_hold"]
    ssn, name = lines[0][:9], lines[0][9:24].strip()
    assert ssn not in done.output and f" {name} " not in done.output


def test_a_file_that_cannot_be_sent_so_is_a_wrong_usage(
    settings: Settings, wages: Path, tmp_path: Path
) -> None:
    other = tmp_path / "our wages.txt"
    other.write_bytes(wages.read_bytes())
    with pytest.raises(UsageError, match="not named as wages/quarterly_wages asks for"):
        precheck.check(settings, other, CONTRACT)
    with pytest.raises(UsageError, match="no contract nobody/nothing"):
        precheck.check(settings, wages, "nobody/nothing")
