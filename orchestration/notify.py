"""Telling people what waits for them: a delivery held or rejected, a delivery that is late.

By mail, by webhook, or not at all: only the environment says so (channels). Each event is sent
once a channel, remembered in quality.notification; what could not be sent is tried again the next
time. A message names files, periods, counts and rules, never a value of a person. Add here: a
kind of event or channel. Keep out: what is late (timeliness), what is held (quality).
"""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestration import landing, timeliness, warehouse
from orchestration.errors import LifecourseError, UsageError
from orchestration.landing import registry
from orchestration.landing.discovery import DELIVERY
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

# Seconds between the tries of one sending, and those a server may take to answer (2026-11-25).
PAUSES = (1.0, 3.0)
PATIENCE = 10.0
# A channel set up today does not tell of what was decided longer ago (2026-11-25).
DAYS_BACK = 7
HERE = ("127.0.0.1", "::1", "localhost")

DDL = """
create table if not exists quality.notification (
    notification_id bigint generated always as identity primary key,
    channel text not null check (channel in ('mail', 'webhook')),
    kind text not null check (kind in ('held', 'rejected', 'late')),
    agency text not null,
    file text not null,
    about text not null,
    load_id integer,
    noted_at timestamptz not null default now(),
    sent_at timestamptz,
    tries integer not null default 0,
    failure text,
    unique (channel, kind, agency, file, about)
);
"""
# of a file that no contract describes not even its name: whoever named it may have named a person
_DECIDED = """
select l.status as kind, l.agency,
    case when l.publish_set is null then 'a file that no contract describes' else l.file end
        as file,
    'load ' || l.load_id as about, l.load_id
from quality.load as l
where l.status in ('held', 'rejected') and l.decided_at > now() - make_interval(days => %(days)s)
"""
_LATE = """
select 'late' as kind, agency, file, period as about, null::integer as load_id
from quality.expected_delivery where days_late > 0
"""


@dataclass(frozen=True)
class Mail:
    """An SMTP server. security: starttls, tls, or none, which is for this machine only."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    security: str = "starttls"
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    name: str = "mail"

    def send(self, title: str, lines: list[str], events: list[dict[str, Any]]) -> None:
        message = EmailMessage()
        message["Subject"], message["From"] = title, self.sender
        message["To"] = ", ".join(self.recipients)
        message.set_content("\n".join(lines) + "\n")
        secure = ssl.create_default_context(cafile=self.ca_file)
        if self.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=PATIENCE, context=secure
            )
        else:
            client = smtplib.SMTP(self.host, self.port, timeout=PATIENCE)
        with client:
            if self.security == "starttls":
                client.starttls(context=secure)
            if self.user:
                client.login(self.user, self.password or "")
            client.send_message(message)


@dataclass(frozen=True)
class Webhook:
    """An address that takes JSON: {text, events}; text is what chat programs show."""

    url: str
    token: str | None = None
    ca_file: str | None = None
    name: str = "webhook"

    def send(self, title: str, lines: list[str], events: list[dict[str, Any]]) -> None:
        body = {"text": "\n".join([title, *lines]), "events": events}
        request = urllib.request.Request(
            self.url,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "lifecourse"}
            | ({"Authorization": f"Bearer {self.token}"} if self.token else {}),
        )
        secure = ssl.create_default_context(cafile=self.ca_file)
        opener = urllib.request.build_opener(
            _NoRedirect(), urllib.request.HTTPSHandler(context=secure)
        )
        opener.open(request, timeout=PATIENCE).close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A message goes to the address it was written for and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def channels() -> list[Mail | Webhook]:
    """Where to send to, from LIFECOURSE_SMTP_*, LIFECOURSE_NOTIFY_* and LIFECOURSE_WEBHOOK_*.

    Empty when nothing is set. Raises UsageError when something is set by half, or when a message
    would leave this machine unencrypted.
    """
    found: list[Mail | Webhook] = []
    host = os.environ.get("LIFECOURSE_SMTP_HOST")
    if host:
        sender, to = (
            os.environ.get("LIFECOURSE_NOTIFY_FROM"),
            os.environ.get("LIFECOURSE_NOTIFY_TO"),
        )
        security = os.environ.get("LIFECOURSE_SMTP_SECURITY") or "starttls"
        port = os.environ.get("LIFECOURSE_SMTP_PORT") or ("465" if security == "tls" else "587")
        if not sender or not to:
            raise UsageError(
                "LIFECOURSE_SMTP_HOST is set, so LIFECOURSE_NOTIFY_FROM and LIFECOURSE_NOTIFY_TO "
                "(addresses, separated by commas) must be set too."
            )
        if security not in ("starttls", "tls", "none") or not port.isdigit():
            raise UsageError(
                "LIFECOURSE_SMTP_SECURITY must be starttls, tls or none, and "
                "LIFECOURSE_SMTP_PORT a number."
            )
        if security == "none" and host not in HERE:
            raise UsageError(
                "LIFECOURSE_SMTP_SECURITY=none is for a mail server on this machine only; use "
                "starttls or tls."
            )
        found.append(
            Mail(
                host, int(port), sender, tuple(a.strip() for a in to.split(",") if a.strip()),
                security, os.environ.get("LIFECOURSE_SMTP_USER") or None,
                os.environ.get("LIFECOURSE_SMTP_PASSWORD") or None,
                os.environ.get("LIFECOURSE_SMTP_CA_FILE") or None,
            )
        )  # fmt: skip
    url = os.environ.get("LIFECOURSE_WEBHOOK_URL")
    if url:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in HERE):
            raise UsageError("LIFECOURSE_WEBHOOK_URL must be an https address; mend it.")
        found.append(
            Webhook(
                url,
                os.environ.get("LIFECOURSE_WEBHOOK_TOKEN") or None,
                os.environ.get("LIFECOURSE_WEBHOOK_CA_FILE") or None,
            )
        )
    return found


def send(settings: Settings) -> dict[str, int]:
    """Send what has not been sent; returns the events sent by channel, without those of none.

    Raises UsageError for settings that are wrong, LifecourseError when a server did not take the
    message; it waits for the next time then.
    """
    sent: dict[str, int] = {}
    failures: list[str] = []
    configured = channels()
    if not configured:
        return sent
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, ())
        timeliness.ensure(connection, landing.load_contracts(settings.contracts))
        registry.once(connection, "quality.notification", DDL)
        connection.commit()
        for channel in configured:
            _note(connection, channel.name)
            connection.commit()
            number, failure = _send(connection, channel)
            connection.commit()
            if failure:
                failures.append(failure)
            elif number:
                sent[channel.name] = number
    if failures:
        raise LifecourseError("; ".join(failures) + "; it is tried again at the next run.")
    return sent


def send_quietly(settings: Settings, echo: Callable[[str], None]) -> None:
    """As `send`, for the end of a run: whatever goes wrong is one line and stops nothing."""
    try:
        for channel, number in send(settings).items():
            echo(f"told by {channel} of {number} {'event' if number == 1 else 'events'}")
    except LifecourseError as error:
        echo(f"notifications: {error}")
    except Exception as error:
        echo(f"notifications were not sent ({type(error).__name__}); the run is not affected")


def _note(connection: psycopg.Connection, channel: str) -> None:
    """Enter what there is to tell; what was late and has come before it was told is dropped."""
    connection.execute(
        f"insert into quality.notification (channel, kind, agency, file, about, load_id) "
        f"select %(channel)s, e.* from ({_DECIDED} union all {_LATE}) as e on conflict do nothing",
        {"channel": channel, "days": DAYS_BACK},
    )
    connection.execute(
        "delete from quality.notification as n where sent_at is null and channel = %(channel)s "
        f"and not exists (select from ({_DECIDED} union all {_LATE}) as e where "
        "(e.kind, e.agency, e.file, e.about) = (n.kind, n.agency, n.file, n.about))",
        {"channel": channel, "days": DAYS_BACK},
    )


def _send(connection: psycopg.Connection, channel: Mail | Webhook) -> tuple[int, str | None]:
    """(events sent, None) or (0, why not). The rows stay locked, so that nobody sends them too."""
    rows = connection.execute(
        "select notification_id, kind, agency, file, about, load_id from quality.notification "
        "where channel = %s and sent_at is null "
        "order by array_position(array['held', 'rejected', 'late'], kind), agency, file, about "
        "for update skip locked",
        [channel.name],
    ).fetchall()
    if not rows:
        return 0, None
    events = [_event(connection, *row[1:]) for row in rows]
    counts = Counter(event["kind"] for event in events)
    title = "lifecourse: " + ", ".join(f"{number} {kind}" for kind, number in counts.items())
    lines = [event["says"] for event in events]
    lines += ["", "Decide at the steward desk, or see `lifecourse deliveries`."]
    failure = _try(lambda: channel.send(title, lines, events))
    connection.execute(
        "update quality.notification set tries = tries + 1, failure = %(failure)s, "
        "sent_at = case when %(failure)s::text is null then now() end "
        "where notification_id = any(%(ids)s)",
        {"failure": failure, "ids": [row[0] for row in rows]},
    )
    if failure:
        return 0, f"the {channel.name} server did not take {len(rows)} events ({failure})"
    return len(rows), None


def _event(
    connection: psycopg.Connection, kind: str, agency: str, file: str, about: str, load_id: Any
) -> dict[str, Any]:
    event: dict[str, Any] = {"kind": kind, "agency": agency, "file": file}
    if kind == "late":
        due, days = connection.execute(
            "select due_on, days_late from quality.expected_delivery "
            "where (agency, file, period) = (%s, %s, %s)",
            [agency, file, about],
        ).fetchone()
        event |= {"period": about, "due_on": due.isoformat(), "days_late": days}
        late = f"{days} {'day' if days == 1 else 'days'} late"
        event["says"] = f"late: {agency}/{file} {about}, due {due}, {late}"
        return event
    (delivery,) = connection.execute(
        "select delivery from quality.load where load_id = %s", [load_id]
    ).fetchone()
    rules = [
        row[0]
        for row in connection.execute(
            "select distinct rule_id from quality.check_result where load_id = %s "
            "and severity = 'critical' and status in ('failed', 'error') order by 1",
            [load_id],
        )
    ]
    delivery = delivery if DELIVERY.fullmatch(delivery) else "in no delivery folder"
    event |= {"delivery": delivery, "load_id": load_id, "rules": rules}
    by = f" by {', '.join(rules)}" if rules else ""
    event["says"] = f"{kind}{by}: {agency}/{file} {delivery} (load {load_id})"
    return event


def _try(send: Callable[[], None]) -> str | None:
    """None when it was sent; else what went wrong, without a library's words (may hold secrets)."""
    failure = None
    for pause in (*PAUSES, None):
        try:
            send()
            return None
        except (smtplib.SMTPAuthenticationError, ssl.SSLCertVerificationError) as error:
            return type(error).__name__  # trying again does not help
        except urllib.error.HTTPError as error:
            failure = f"HTTP {error.code}"
            if error.code < 500 and error.code != 429:
                return failure
        except (OSError, smtplib.SMTPException, ValueError) as error:
            failure = type(error).__name__
        if pause is not None:
            time.sleep(pause)
    return failure
