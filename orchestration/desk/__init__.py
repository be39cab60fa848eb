"""The steward desk: a small web page to see loads, decide on them, and review doubtful links.

users     who may sign in, and what each may do
reading   what the pages show, from the warehouse
charts    figures over loads, as SVG
app       the pages and the forms
Server-rendered, no script, nothing from outside; it listens on this machine only, and a site
puts its own authenticating proxy with TLS in front when others shall reach it.
Add here: how it is started. Keep out: deciding (quality.decisions, linkage.review).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.errors import UnusableEnvironment, UsageError

if TYPE_CHECKING:
    from orchestration.settings import Settings

HOST = "127.0.0.1"


def serve(settings: Settings, *, port: int = 8321) -> None:
    """Serve the desk until interrupted. Raises UsageError while nobody may sign in,
    UnusableEnvironment when the port is taken."""
    import socket

    import uvicorn

    from orchestration.desk import app, users

    if not users.names(settings):
        raise UsageError("Nobody may sign in yet; add someone with `lifecourse desk add-user`.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UnusableEnvironment(
                f"Port {port} is taken; choose another with --port."
            ) from error
    uvicorn.run(app.build(settings), host=HOST, port=port, log_level="warning", access_log=False)
