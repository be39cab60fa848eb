"""Where the rows of a load are.

Add here: another place where a load's rows may wait. Keep out: reading them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.quality.typed import quote

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract


def relation_of(
    connection: psycopg.Connection, contract: Contract, table: str, load_id: int
) -> str | None:
    """Where the rows of a load are now, as SQL: its candidate table or its staging partition."""
    name = quote(f"{table}_l{load_id}")
    for schema in (f"candidate_{contract.agency}", f"staging_{contract.agency}"):
        found = connection.execute("select to_regclass(%s)", [f"{schema}.{name}"]).fetchone()
        if found and found[0]:
            return f"{schema}.{name}"
    return None
