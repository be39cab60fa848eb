"""The steward desk in a real browser: what each role sees, and what each decision does.

The warehouse holds three good months of a small county's benefits and school files, and the
month that was made bad on purpose. The browser is the machine's Chromium.
"""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestration import county, intake, landing, warehouse
from orchestration.desk import users
from orchestration.errors import UsageError
from orchestration.linkage import review, schema
from orchestration.quality import decisions
from orchestration.settings import Settings

PASSWORD = "correct horse battery"
PEOPLE = {
    "vera": ("viewer",),
    "sam": ("steward", "linkage"),
    "ana": ("approver",),
    "ida": ("steward", "identified", "linkage"),
    "kim": ("steward",),  # for k12 only
}


@dataclass
class Desk:
    """The running desk: its address, its warehouse, and the browser."""

    url: str
    settings: Settings
    browser: object
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, name: str):
        """A fresh browser window in which `name` is signed in; no page may ask elsewhere."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: self._note_request(request.url))
        page.on("console", lambda message: self._note_console(message))
        page.goto(self.url)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Loads").wait_for()
        return page

    # An error raised in the browser driver's callbacks would be lost, so complaints are kept.
    def _note_request(self, url: str) -> None:
        if not url.startswith((self.url, "data:")):
            self.complaints.append(f"a page asked for {url}")

    def _note_console(self, message) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def one(self, query: str, *values: object):
        with warehouse.connect(self.settings) as connection:
            return connection.execute(query, values or None).fetchone()[0]

    def held(self, file: str = "case_members") -> int:
        return self.one(
            "select max(load_id) from quality.load where status = 'held' and file = %s", file
        )


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "The desk's tests need Chromium; install it (Debian: apt-get install chromium)."
    return found


@pytest.fixture(scope="module")
def settings(
    fresh_settings: Callable[[str], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    out = tmp_path_factory.mktemp("county")
    county.generate(out, persons=1_000, months=3, seed=7)
    settings = replace(fresh_settings("desk"), deliveries=out / "observed")
    contracts = [
        c
        for c in landing.load_contracts(settings.contracts)
        if c.agency == "benefits" or (c.agency, c.file) == ("k12", "schools")
    ]
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, contracts)
        _two_doubtful_pairs(connection)
    for delivery in sorted({p.name for p in settings.deliveries.glob("benefits/*")}):
        for file_set in intake.file_sets(contracts):
            if (settings.deliveries / file_set.agency / delivery).is_dir():
                intake.load(settings, file_set, delivery)
                if all(report.passed for report in intake.gate(settings, file_set, delivery)):
                    intake.publish(settings, file_set, delivery)
    for name, roles in PEOPLE.items():
        agencies = ("k12",) if name == "kim" else ("*",)
        users.add(settings, name, PASSWORD, roles=roles, agencies=agencies)
    return settings


def _two_doubtful_pairs(connection) -> None:
    """What a linkage run leaves of two pairs that it could not tell; made-up people."""
    schema.ensure(connection)
    connection.execute("create schema if not exists identity")
    connection.execute(
        "create table identity.identity_record (source_system text, source_person_key text, "
        "first_name text, middle_name text, last_name text, suffix text, maiden_name text, "
        "birth_date date, sex text, ssn text, ssn_last4 text, address_key text, zip text)"
    )
    counts = ("records", "source_records", "persons", "nodes", "pairs", "components_cut")
    run = {"run_id": 1, "inputs_hash": "a", "config_hash": "b", "model_version": "m"}
    _insert(connection, "linkage.run", {**run, "as_of_load": 1, **dict.fromkeys(counts, 4)})
    for number in range(4):
        person = {"person_id": 100_000_001 + number}
        key = {"source_system": ("k12", "benefits")[number % 2], "source_person_key": f"K{number}"}
        rows = {
            "linkage.person": {
                **person, "status": "active", "created_run_id": 1, "created_load_id": 1
            },
            "linkage.crosswalk": {
                **key, **person, "method": "single", "rule": "none", "model_version": "m",
                "valid_from_load": 1, "opened_run_id": 1,
            },
            "linkage.source_record": {
                **key, "record_number": number, "identity_hash": "h", "first_load_id": 1
            },
            "linkage.node": {
                "node_id": number, "region_id": number // 2, "first_record": number,
                "is_linkable": True,
            },
            "linkage.variant": {
                "identity_record_id": f"r{number}", "record_number": number, "node_id": number
            },
            "identity.identity_record": {
                **key, "first_name": f"TESTA{number // 2}", "last_name": f"EXAMPLE{number}"
            },
        }  # fmt: skip
        for table, row in rows.items():
            _insert(connection, table, row)
    for number in (0, 2):
        edge = {
            "left_node": number,
            "right_node": number + 1,
            "match_weight": 0.5 + number,
            "evidence": '{"first_name": 6.5, "last_name": -2.0, "birth_date": 4.25}',
            "decision": "not linked",
            "model_version": "m",
            "run_id": 1,
        }
        _insert(connection, "linkage.edge", edge)
    review.refresh(connection, 1)


def _insert(connection, table: str, row: dict) -> None:
    connection.execute(
        f"insert into {table} ({', '.join(row)}) "
        f"values ({', '.join(f'%({name})s' for name in row)})",
        row,
    )


@pytest.fixture(scope="module")
def desk(settings: Settings) -> Iterator[Desk]:
    import uvicorn
    from playwright.sync_api import sync_playwright

    from orchestration.desk import app

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(app.build(settings), host="127.0.0.1", port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        browser_desk = Desk(f"http://127.0.0.1:{port}", settings, browser)
        yield browser_desk
        browser.close()
    server.should_exit = True
    thread.join()
    assert not browser_desk.complaints, browser_desk.complaints


def shot(page, name: str) -> None:
    """Keep a picture where a person asked for pictures."""
    import os

    folder = os.environ.get("LIFECOURSE_PICTURES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def open_held(desk: Desk, page) -> None:
    page.get_by_role("link", name="benefits/case_members").first.click()
    page.get_by_role("heading", level=1).wait_for()


def test_a_wrong_password_and_an_unknown_name_look_the_same(desk: Desk) -> None:
    page = desk.browser.new_context().new_page()
    said = []
    for name, password in (("vera", "wrong"), ("nobody", PASSWORD)):
        page.goto(desk.url)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        said.append(page.get_by_role("alert").inner_text())
    shot(page, "sign_in")
    assert said[0] == said[1] and "do not fit" in said[0]
    page.goto(f"{desk.url}/decisions")
    assert page.url.endswith("/sign-in")


def test_five_wrong_passwords_pause_an_account(settings: Settings) -> None:
    users.add(settings, "pat", PASSWORD, roles=("viewer",))
    with warehouse.connect(settings) as connection:
        assert users.sign_in(connection, "pat", PASSWORD)
        for _ in range(users.TRIES):
            assert users.sign_in(connection, "pat", "a wrong password") is None
        assert users.sign_in(connection, "pat", PASSWORD) is None
    with pytest.raises(UsageError, match="at least 12"):
        users.add(settings, "pat", "short", roles=("viewer",))


def test_a_viewer_sees_rules_and_figures_but_no_button(desk: Desk) -> None:
    page = desk.sign_in("vera")
    shot(page, "loads")
    first = page.locator("tbody tr").first
    assert "held" in first.inner_text()
    open_held(desk, page)
    shot(page, "load")
    message = page.locator(".rule.failed b").first.inner_text()
    assert re.match(r"benefits/case_members \d{4}-\d\d: ", message)
    assert page.get_by_role("button", name="Release it all the same").count() == 0
    assert page.get_by_role("link", name="Rows behind it").count() == 0
    rows = page.get_by_role("img", name=re.compile("^Rows: .* limits at least"))
    assert rows.count() == 1
    page.get_by_role("link", name="Beside the last load").click()
    shot(page, "difference")
    assert "TANF" in page.locator("main").inner_text()
    page.go_back()
    page.get_by_role("link", name="Missing by group").click()
    shot(page, "missing")
    assert page.locator("tbody tr").count() > 1
    page.go_back()
    with page.expect_download() as download:
        page.get_by_role("link", name="Receipt for the agency").click()
    receipt = Path(download.value.path()).read_text()
    sha = desk.one("select sha256 from quality.load where load_id = %s", desk.held())
    assert sha in receipt and "State:         held" in receipt


def test_who_lacks_the_right_is_refused_and_it_is_logged(desk: Desk) -> None:
    held = desk.held()
    for name in ("vera", "kim"):  # a viewer, and a steward of another agency
        page = desk.sign_in(name)
        page.goto(f"{desk.url}/loads/{held}")
        answer = page.request.post(
            f"{desk.url}/loads/{held}/decide",
            form={
                "token": page.locator("[name=token]").first.input_value(),
                "action": "release",
                "reason": "I want to",
            },
        ).status
        assert answer == 403
        page.goto(f"{desk.url}/loads/{held}/rows/benefits.case_members.key_unique")
        assert "role identified" in page.get_by_role("alert").inner_text()
        shot(page, "refused")
        assert (
            desk.one(
                "select count(*) from quality.access_log where user_name = %s "
                "and action = 'refused'",
                name,
            )
            == 2
        )
    assert desk.one("select status from quality.load where load_id = %s", held) == "held"


def test_a_form_without_its_token_does_nothing(desk: Desk) -> None:
    page = desk.sign_in("sam")
    answer = page.request.post(
        f"{desk.url}/loads/{desk.held()}/decide", form={"action": "reject", "reason": "forged"}
    )
    assert answer.status == 403
    assert desk.one("select count(*) from quality.disposition where reason = 'forged'") == 0


def test_rows_behind_a_rule_are_shown_to_some_and_logged(desk: Desk) -> None:
    page = desk.sign_in("ida")
    open_held(desk, page)
    rule = page.locator(".rule.failed", has_text="key_unique")
    rule.get_by_role("link", name="Rows behind it").click()
    shot(page, "rows")
    assert page.locator("tbody tr").count() > 1
    assert "client" in page.locator("thead").inner_text()
    assert (
        desk.one(
            "select count(*) from quality.access_log where user_name = 'ida' "
            "and action = 'saw failing rows' and subject like %s",
            "%key_unique",
        )
        == 1
    )


def test_a_rule_is_suspended_by_two_and_then_holds_nothing(desk: Desk) -> None:
    page = desk.sign_in("sam")
    open_held(desk, page)
    rule = page.locator(".rule.failed.critical", has_text="turnover_near_history")
    rule.get_by_text("Suspend this rule for a time").click()
    rule.get_by_label("Reason").fill("The program has closed; the agency confirmed it.")
    until = rule.locator("[name=expires_on]")
    until.fill(until.get_attribute("max"))
    rule.get_by_role("button", name="Suspend").click()
    assert "waits for a second person" in page.get_by_role("status").inner_text()
    page.get_by_role("link", name="Decisions").click()
    assert page.get_by_role("button", name="Approve").count() == 0  # not one's own
    shot(page, "decisions")
    other = desk.sign_in("ana")
    other.goto(f"{desk.url}/decisions")
    other.get_by_role("button", name="Approve").click()
    assert "does not hold benefits/case_members" in other.get_by_role("status").inner_text()
    # judged again: that rule only warns now, the others still hold the load
    other.goto(f"{desk.url}/loads/{desk.held()}")
    assert other.locator(".rule.failed.warning", has_text="suspended until").count() == 1
    page.goto(f"{desk.url}/decisions")
    page.get_by_role("button", name="Take back").click()
    assert "is taken back" in page.get_by_role("status").inner_text()


def test_a_release_takes_two_and_publishes(desk: Desk) -> None:
    held = desk.held()
    rows = desk.one("select row_count from quality.load where load_id = %s", held)
    before = desk.one("select count(*) from staging_benefits.case_members_current")
    page = desk.sign_in("sam")
    page.goto(f"{desk.url}/loads/{held}")
    # by keyboard alone: to the reason, one line, to the button
    page.get_by_label("Reason").first.focus()
    page.keyboard.type("Checked with the agency by telephone.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "waits for a second person" in page.get_by_role("status").inner_text()
    assert desk.one("select status from quality.load where load_id = %s", held) == "held"
    with pytest.raises(UsageError, match="your own"):
        decisions.approve(
            desk.settings,
            desk.one("select max(disposition_id) from quality.disposition"),
            approver="sam",
        )
    other = desk.sign_in("ana")
    other.goto(f"{desk.url}/decisions")
    other.get_by_role("button", name="Approve").click()
    assert f"{rows:,} rows are in staging" in other.get_by_role("status").inner_text()
    assert desk.one("select status from quality.load where load_id = %s", held) == "accepted"
    assert desk.one("select count(*) from staging_benefits.case_members_current") == before + rows
    other.goto(f"{desk.url}/loads/{held}")
    shot(other, "released")


def test_a_rejected_load_is_gone_for_good(desk: Desk) -> None:
    with warehouse.connect(desk.settings) as connection:
        source = max(desk.settings.deliveries.glob("benefits/*"))
        later = source.with_name("2026-01")
        shutil.copytree(source, later)
        for path in later.glob("case_members_*"):
            text = path.read_text().replace(path.stem[-7:], "2026-01")
            path.with_name("case_members_2026-01.csv").write_text(text)
            path.unlink()
        (later / "manifest.json").unlink()
        contracts = [
            c for c in landing.load_contracts(desk.settings.contracts) if c.agency == "benefits"
        ]
        connection.commit()
    for file_set in intake.file_sets(contracts):
        intake.load(desk.settings, file_set, "2026-01")
        intake.gate(desk.settings, file_set, "2026-01")
    held = desk.held()
    page = desk.sign_in("sam")
    page.goto(f"{desk.url}/loads/{held}")
    page.get_by_label("Reason").first.fill("The agency sends it again.")
    page.get_by_role("button", name="Reject it").click()
    assert "is rejected" in page.get_by_role("status").inner_text()
    assert desk.one("select status from quality.load where load_id = %s", held) == "rejected"
    assert (
        desk.one("select count(*) from pg_class where relname = %s", f"case_members_l{held}") == 0
    )


def test_links_are_decided_and_names_are_for_some(desk: Desk) -> None:
    page = desk.sign_in("sam")
    page.get_by_role("link", name="Links").click()
    shot(page, "linkage")
    assert "2 pairs wait" in page.locator("main").inner_text()
    assert "EXAMPLE" not in page.content() and ">K0" not in page.content()
    card = page.locator("li.card").first
    card.get_by_label("Reason").fill("Same address and school.")
    card.get_by_role("button", name="Same person").click()
    assert "the next run obeys it" in page.get_by_role("status").inner_text()
    assert "1 pair waits" in page.locator("main").inner_text()
    other = desk.sign_in("ida")
    other.goto(f"{desk.url}/linkage")
    other.get_by_role("link", name="See the two records").click()
    shot(other, "records")
    assert "EXAMPLE2" in other.locator("main").inner_text()
    other.get_by_label("Reason").fill("Different birth places.")
    other.get_by_role("button", name="Two persons").click()
    assert "Nothing waits" in other.locator("main").inner_text()
    kinds = desk.one(
        "select string_agg(kind || ' ' || steward, ', ' order by kind) from linkage.override"
    )
    assert kinds == "cannot_link ida, must_link sam"
