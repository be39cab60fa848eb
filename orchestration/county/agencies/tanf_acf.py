"""The ACF-199 TANF data report: a public fixed-width file that nobody here wrote.

Copied as it is from tests/fixtures/tanf and delivered once. It describes made-up families of
another state, so the truth knows nothing of them. Add here: its other sections.
Keep out: changes to the file.
"""

from __future__ import annotations

from orchestration import settings
from orchestration.county.delivery import Desk
from orchestration.county.world import World

FILE = "ADS.E2J.FTP1.TS06"


def deliver(world: World, desk: Desk) -> None:
    """Hand over the public file once. Raises UnusableEnvironment when it is missing."""
    path = settings.PROJECT_ROOT / "tests" / "fixtures" / "tanf" / FILE
    if not path.is_file():
        from orchestration.errors import UnusableEnvironment

        raise UnusableEnvironment(
            f"The file tests/fixtures/tanf/{FILE} is missing from the project folder; "
            "restore it from the repository."
        )
    content = path.read_bytes()
    lines = content.splitlines()
    data = sum(not line.startswith((b"HEADER", b"TRAILER")) for line in lines)
    desk.put_bytes("tanf_acf", world.window.folder(0), FILE, content, rows=data)
