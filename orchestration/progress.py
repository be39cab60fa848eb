"""One line of progress from a library to whoever is watching.

Libraries call `say`; the command line listens, and nobody else has to. Add here: nothing
but the channel. Keep out: formatting, and any person's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("progress", default=None)


def say(text: str) -> None:
    """Tell the listener, if there is one, what is being done now."""
    listener = _listener.get()
    if listener:
        listener(text)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Send every `say` within the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
