"""The fast way of cutting fixed-width lines gives the rows of the slow way, or none at all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestration.landing import fixed_width, load_contract, readers
from orchestration.landing.copy_text import CopyBlock
from orchestration.landing.even_lines import EvenLines
from orchestration.landing.readers import BadInput, Source
from orchestration.settings import PROJECT_ROOT

CONTRACT = load_contract(PROJECT_ROOT / "expectations" / "wages" / "quarterly_wages.yml")
WIDTH, COUNT = 86, 800


def rows(path: Path, encoding: str) -> list[list[str]] | str:
    """The rows of a file, each with its number as a number; or what is wrong with it."""
    found: list[list[str]] = []
    try:
        for block in fixed_width.blocks(Source(path, encoding), CONTRACT, CONTRACT.tables[0]):
            lines = block.data.decode()[:-1].split("\n")
            assert len(lines) == block.rows
            found += [line.split("\t") for line in lines]
    except BadInput as bad:
        return str(bad)
    return [[str(int(number)), *fields] for number, *fields in found]


def lines(rng: random.Random, odd: str) -> str:
    """Wage records of several blocks; `odd` says what one of them is."""
    letters = "AZ09.,'-  "
    made = []
    for number in range(COUNT):
        fields = []
        for column in CONTRACT.tables[0].columns:
            width = (column.end or 0) - (column.start or 0) + 1
            value = "".join(rng.choices(letters, k=rng.randint(0, width)))
            fields.append(rng.choice([value.ljust, value.rjust, value.center])(width))
        line = "".join(fields)
        if number == COUNT - 100:
            line = {
                "blank line": " " * WIDTH,
                "short": line[:-1],
                "trailing": line + "x",
                "padded": line + "   ",
                "backslash": "\\" + line[1:],
                "tab": line[:30] + "\t" + line[31:],
                "letter": line[:30] + "é" + line[31:],
                "control": "\x1c" + line[1:-1] + "\x0b",
                "empty": "",
            }.get(odd, line)
        made.append(line + ("  " if odd == "all padded" else ""))
    return "\n".join(made) + ("" if odd == "no last newline" else "\n")


@pytest.mark.parametrize(
    "odd",
    ["nothing", "all padded", "no last newline", "blank line", "short", "trailing", "padded",
     "backslash", "tab", "letter", "control", "empty"],
)  # fmt: skip
def test_the_same_rows_either_way(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wages.txt"
    path.write_text(lines(random.Random(20261125), odd), encoding="cp1252")
    monkeypatch.setattr(readers, "BLOCK", 1 << 14)
    taken: list[int] = []
    cut = EvenLines.block

    def counted(self: EvenLines, text: str, first: int) -> CopyBlock | None:
        block = cut(self, text, first)
        taken.append(block.rows if block else 0)
        return block

    monkeypatch.setattr(EvenLines, "block", counted)
    fast = rows(path, "cp1252")
    assert any(taken)
    monkeypatch.setattr(EvenLines, "block", lambda *_: None)
    assert fast == rows(path, "cp1252")
    if odd in ("nothing", "all padded"):
        assert sum(taken) == len(fast) == COUNT
    if odd in ("short", "trailing"):
        assert isinstance(fast, str)
