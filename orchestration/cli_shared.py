"""What every command of `lifecourse` shares: options, printing, progress.

Add here: what two command files need. Keep out: commands.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from orchestration import settings as settings_module
from orchestration.settings import Settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
DIRECTORY = click.Path(path_type=Path, file_okay=False)


def settings() -> Settings:
    return settings_module.load()


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A spinner with the newest line on a terminal; plain milestones elsewhere.

    Yields `echo`, which prints a milestone that stays.
    """
    from orchestration import progress as library

    started = time.monotonic()

    def milestone(text: str) -> None:
        stamp = "" if text.startswith(" ") else f"{time.monotonic() - started:5.0f} s  "
        click.echo(f"{stamp or ' ' * 9}{text}", err=True)

    if not sys.stderr.isatty():
        with library.listening(lambda text, stage: milestone(f"{text} ...") if stage else None):
            yield milestone
        return

    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with console.status("") as status, library.listening(lambda text, _: status.update(text)):

        def printed(text: str) -> None:
            stamp = " " * 9 if text.startswith(" ") else f"{time.monotonic() - started:5.0f} s  "
            console.print(f"{stamp}{text}", markup=False, soft_wrap=True)

        yield printed
