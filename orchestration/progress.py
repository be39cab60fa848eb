"""One line of progress from a library to whoever is watching.

Libraries call `say`; the command line listens, and nobody else has to. Add here: nothing
but the channel. Keep out: formatting, and any person's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, bool], None]

_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


def say(text: str, *, stage: bool = False) -> None:
    """Tell the listener, if there is one, what is being done now.

    stage: the beginning of something that takes more than a few seconds; a log keeps it.
    """
    listener = _listener.get()
    if listener:
        listener(text, stage)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send every `say` within the block to `listener` as (text, stage)."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
