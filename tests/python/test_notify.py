"""Mail and webhook, sent to a real SMTP server and a real HTTP server on this machine."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import ClassVar

import pytest
from test_pulling import closed_port
from test_timeliness import contract, take

from orchestration import landing, notify, timeliness, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.settings import Settings

PASSWORD = "not-to-be-shown-4711"
TODAY = "2025-04-16"


@pytest.fixture(scope="module")
def settings(
    fresh_settings: Callable[[str], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """A warehouse with one load held, one file refused and one month late."""
    settings = fresh_settings("notify")
    folder = tmp_path_factory.mktemp("deliveries")
    monthly = contract("monthly")
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        take(connection, folder, monthly, "2025-01/schools_2025-01.csv")
        take(connection, folder, monthly, "2025-02/schools_2025-02.csv", hold=True)
        stray = folder / "k12" / "2025-02" / "Testperson_Canary.csv"
        stray.write_text("a\n1\n")
        for file in landing.discover(folder, [monthly]):
            landing.register(connection, file)
        timeliness.set_clock(connection, timeliness.datetime.date.fromisoformat(TODAY))
        connection.commit()
    return settings


@pytest.fixture(autouse=True)
def forgotten(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been told yet, the real contracts are not asked for, and nobody waits."""
    monkeypatch.setattr(landing, "load_contracts", lambda _: (contract("monthly"),))
    monkeypatch.setattr(notify, "PAUSES", (0.0, 0.0))
    with warehouse.connect(settings, autocommit=True) as connection:
        connection.execute("drop table if exists quality.notification")


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes JSON; answers the first `failing` requests with `status`."""

    taken: ClassVar[list[dict]] = []
    failing, status, tries = 0, 503, 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).tries += 1
        refused = self.headers["Authorization"] != f"Bearer {PASSWORD}"
        failed = refused or type(self).tries <= type(self).failing
        if not failed:
            self.taken.append(body)
        self.send_response(401 if refused else type(self).status if failed else 204)
        self.send_header("Content-Length", "0")
        if failed and type(self).status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hook]]:
    handler = type("OneHook", (Hook,), {"taken": []})
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("LIFECOURSE_WEBHOOK_URL", f"http://127.0.0.1:{service.server_port}/hook")
    monkeypatch.setenv("LIFECOURSE_WEBHOOK_TOKEN", PASSWORD)
    yield handler
    service.shutdown()
    service.server_close()


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    from aiosmtpd.controller import Controller

    class Box:
        def __init__(self) -> None:
            self.taken: list[bytes] = []

        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            self.taken.append(envelope.content)  # type: ignore[attr-defined]
            return "250 taken"

    box = Box()
    port = closed_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("LIFECOURSE_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("LIFECOURSE_SMTP_PORT", str(port))
    monkeypatch.setenv("LIFECOURSE_SMTP_SECURITY", "none")
    monkeypatch.setenv("LIFECOURSE_NOTIFY_FROM", "ids@example.gov")
    monkeypatch.setenv("LIFECOURSE_NOTIFY_TO", "steward@example.gov, desk@example.gov")
    yield box.taken
    controller.stop()


def told(settings: Settings) -> list[tuple]:
    with warehouse.connect(settings) as connection:
        return connection.execute(
            "select kind, file, about, tries, failure, sent_at is not null "
            "from quality.notification order by kind, file, about"
        ).fetchall()


def test_held_rejected_and_late_are_told_once(settings: Settings, mailbox: list[bytes]) -> None:
    assert notify.send(settings) == {"mail": 3}
    (mail,) = map(message_from_bytes, mailbox)
    assert mail["Subject"] == "lifecourse: 1 held, 1 rejected, 1 late"
    assert mail["To"] == "steward@example.gov, desk@example.gov"
    text = mail.get_payload(decode=True).decode()
    assert "held: k12/schools 2025-02" in text
    assert "late: k12/schools 2025-03, due 2025-04-15, 1 day late" in text
    assert "rejected: k12/a file that no contract describes 2025-02" in text
    assert "Canary" not in text and "North" not in text
    assert notify.send(settings) == {}
    assert len(mailbox) == 1


def test_each_channel_is_told(settings: Settings, mailbox: list[bytes], hook: type[Hook]) -> None:
    assert notify.send(settings) == {"mail": 3, "webhook": 3}
    (body,) = hook.taken
    assert [event["kind"] for event in body["events"]] == ["held", "rejected", "late"]
    assert body["events"][2]["days_late"] == 1
    assert "Canary" not in json.dumps(body)


def test_a_server_that_stumbles_is_asked_again(settings: Settings, hook: type[Hook]) -> None:
    hook.failing = 2
    assert notify.send(settings) == {"webhook": 3}
    assert hook.tries == 3


def test_what_was_not_taken_waits_for_the_next_time(settings: Settings, hook: type[Hook]) -> None:
    hook.failing = 4
    with pytest.raises(LifecourseError, match=r"did not take 3 events \(HTTP 503\)"):
        notify.send(settings)
    assert {row[3:] for row in told(settings)} == {(1, "HTTP 503", False)}
    said: list[str] = []
    notify.send_quietly(settings, said.append)
    assert said == ["told by webhook of 3 events"]
    assert {row[3:] for row in told(settings)} == {(2, None, True)}


def test_a_message_follows_no_redirect(settings: Settings, hook: type[Hook]) -> None:
    hook.failing, hook.status = 1, 302
    with pytest.raises(LifecourseError, match="HTTP 302"):
        notify.send(settings)
    assert (hook.tries, hook.taken) == (1, [])


def test_a_dead_server_stops_no_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECOURSE_WEBHOOK_URL", "http://127.0.0.1:1/hook")
    monkeypatch.setenv("LIFECOURSE_WEBHOOK_TOKEN", PASSWORD)
    said: list[str] = []
    notify.send_quietly(settings, said.append)
    assert said == [
        "notifications: the webhook server did not take 3 events (URLError); it is tried again at "
        "the next run."
    ]
    assert PASSWORD not in "".join(said)


def test_late_that_came_before_it_was_told_is_not_told(
    settings: Settings, hook: type[Hook]
) -> None:
    hook.failing = 3
    with pytest.raises(LifecourseError):
        notify.send(settings)
    with warehouse.connect(settings) as connection:
        before = connection.execute("select today from quality.clock").fetchone()[0]
        timeliness.set_clock(connection, before.replace(day=15))
    try:
        assert notify.send(settings) == {"webhook": 2}
    finally:
        with warehouse.connect(settings) as connection:
            timeliness.set_clock(connection, before)


def test_settings_by_half_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert notify.channels() == []
    monkeypatch.setenv("LIFECOURSE_SMTP_HOST", "mail.example.gov")
    with pytest.raises(UsageError, match="LIFECOURSE_NOTIFY_TO"):
        notify.channels()
    monkeypatch.setenv("LIFECOURSE_NOTIFY_FROM", "ids@example.gov")
    monkeypatch.setenv("LIFECOURSE_NOTIFY_TO", "steward@example.gov")
    assert [(c.host, c.port, c.security) for c in notify.channels()] == [
        ("mail.example.gov", 587, "starttls")
    ]
    monkeypatch.setenv("LIFECOURSE_SMTP_SECURITY", "none")
    with pytest.raises(UsageError, match="this machine only"):
        notify.channels()
    monkeypatch.delenv("LIFECOURSE_SMTP_HOST")
    monkeypatch.setenv("LIFECOURSE_WEBHOOK_URL", "http://chat.example.gov/hook")
    with pytest.raises(UsageError, match="https"):
        notify.channels()
