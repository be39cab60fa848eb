"""Who may sign in at the desk, and what each may do.

Roles: viewer sees loads, rules and figures; steward also decides on loads of their agencies;
approver is the second person of a decision; linkage decides on doubtful links; identified also
sees the rows behind a failed rule and the records of a link. Each sight of those is logged.
Passwords are kept as salted scrypt hashes (RFC 7914; 2^15, 8, 1: about 0.1 s and 32 MB a try).
Add here: a role. Keep out: pages.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import UsageError

if TYPE_CHECKING:
    import psycopg

    from orchestration.settings import Settings

ROLES = ("viewer", "steward", "approver", "linkage", "identified")
# NIST SP 800-63B asks for eight characters at least; a passphrase is easier kept. 2026-11-25.
SHORTEST_PASSWORD = 12
# Five wrong passwords close an account for five minutes: guessing is hopeless, a slip is not
# punished for long. 2026-11-25.
TRIES, PAUSE = 5, "5 minutes"
_COST, _BLOCK, _LANES = 2**15, 8, 1


@dataclass(frozen=True)
class User:
    """Someone signed in. agencies: ('*',) or the names of agencies."""

    name: str
    roles: tuple[str, ...]
    agencies: tuple[str, ...]

    def may(self, role: str, agency: str | None = None) -> bool:
        """Whether the role is theirs, for this agency where one is named."""
        return role in self.roles and (
            agency is None or "*" in self.agencies or agency in self.agencies
        )


def add(
    settings: Settings,
    name: str,
    password: str,
    *,
    roles: tuple[str, ...],
    agencies: tuple[str, ...] = ("*",),
) -> None:
    """Let someone sign in, or give them new roles and a new password. Raises UsageError."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise UsageError(f"Roles are {', '.join(ROLES)}; give one or more of them.")
    if not name.strip() or name != name.strip():
        raise UsageError("A user needs a name without blanks around it.")
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        connection.execute(
            "insert into quality.desk_user (user_name, password_hash, roles, agencies) "
            "values (%s, %s, %s, %s) on conflict (user_name) do update set "
            "password_hash = excluded.password_hash, roles = excluded.roles, "
            "agencies = excluded.agencies, disabled_at = null",
            [name, _hashed(password), ["viewer", *(r for r in ROLES[1:] if r in roles)],
             list(agencies)],
        )  # fmt: skip
        log(connection, name, "user added", ", ".join(roles))


def remove(settings: Settings, name: str) -> None:
    """Let someone sign in no longer; what they decided stays. Raises UsageError."""
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        if not connection.execute(
            "update quality.desk_user set disabled_at = now() "
            "where user_name = %s and disabled_at is null",
            [name],
        ).rowcount:
            raise UsageError(f"Nobody called {name} may sign in.")
        log(connection, name, "user removed", "")


def names(settings: Settings) -> list[str]:
    """Who may sign in."""
    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        return [
            row[0]
            for row in connection.execute(
                "select user_name from quality.desk_user where disabled_at is null order by 1"
            )
        ]


def find(connection: psycopg.Connection, name: str) -> User | None:
    """The user of a session; None when they may no longer sign in."""
    row = connection.execute(
        "select user_name, roles, agencies from quality.desk_user "
        "where user_name = %s and disabled_at is null",
        [name],
    ).fetchone()
    return User(row[0], tuple(row[1]), tuple(row[2])) if row else None


def sign_in(connection: psycopg.Connection, name: str, password: str) -> User | None:
    """The user, when name and password fit and the account is not paused; else None.

    Takes the same time for an unknown name, so that names cannot be told by the clock.
    """
    failed = connection.execute(
        "select count(*) from quality.access_log where user_name = %s "
        f"and action = 'sign-in failed' and occurred_at > now() - interval '{PAUSE}'",
        [name],
    ).fetchone()[0]
    row = connection.execute(
        "select password_hash from quality.desk_user where user_name = %s and disabled_at is null",
        [name],
    ).fetchone()
    fits = _fits(password, row[0] if row else _hashed(secrets.token_hex()))
    user = find(connection, name) if row and fits and failed < TRIES else None
    # A name nobody has may be a password typed into the wrong field: it is not written down.
    log(connection, name if row else "(unknown)", "signed in" if user else "sign-in failed", "")
    connection.commit()
    return user


def log(connection: psycopg.Connection, user: str, action: str, subject: str) -> None:
    """One line of quality.access_log; does not commit."""
    connection.execute(
        "insert into quality.access_log (user_name, action, subject) values (%s, %s, %s)",
        [user, action, subject],
    )


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_scrypt(password, salt).hex()}"


def _fits(password: str, stored: str) -> bool:
    _, salt, digest = stored.split("$")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)).hex(), digest)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=64 * 2**20
    )
