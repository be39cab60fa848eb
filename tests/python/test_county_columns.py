"""Text columns of the county: what is written reads back, whatever stands in it.

Add here: a property of columns.py. Keep out: what the county's files say (test_county.py).
"""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from orchestration.county import columns, records, timeline
from orchestration.county.columns import Coded, coded, digits

AWKWARD = ["", "plain", "a,b", 'say "so"', "two\nlines", "MUÑOZ", "x|y", '"', " blank "]


def written(columns_: columns.Columns, **how: str) -> bytes:
    parts: list[bytes] = []
    columns.write_rows(parts.append, columns_, **how)
    return b"".join(parts)


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), ("|", "cp1252")])
def test_every_kind_of_column_reads_back_as_it_was(delimiter, encoding, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK", 7)  # several blocks, the last one not full
    rng = np.random.default_rng(1)
    text = [AWKWARD[k] for k in rng.integers(0, len(AWKWARD), 40)]
    numbers = rng.integers(-5, 10**9, 40)
    content = written(
        {
            "object": np.array(text, dtype=object),
            "unicode": np.array(text),
            "coded": coded(text),
            "number": numbers,
            "small": np.arange(40),
            'head,er"': np.full(40, "x"),
        },
        delimiter=delimiter,
        encoding=encoding,
    )
    header, *rows = csv.reader(io.StringIO(content.decode(encoding)), delimiter=delimiter)
    assert header == ["object", "unicode", "coded", "number", "small", 'head,er"']
    expected = [
        [t, t, t, str(n), str(k), "x"] for k, (t, n) in enumerate(zip(text, numbers, strict=True))
    ]
    assert rows == expected
    assert b'"plain"' not in content  # only what needs quotes has them


def test_a_header_stands_alone_when_there_are_no_rows():
    assert written({"a": np.array([], dtype=object), "b": np.zeros(0, dtype=int)}) == b"a,b\n"


def test_columns_that_are_not_text_or_not_equally_long_are_refused():
    with pytest.raises(ValueError, match="unequal"):
        written({"a": np.array(["x"]), "b": np.array(["x", "y"])})
    with pytest.raises(TypeError, match="float64"):
        written({"a": np.array([1.5])})


def test_fixed_width_fills_with_blanks_and_refuses_what_does_not_fit():
    parts: list[bytes] = []
    name = np.array(["ANN", "BARTHOLOMEW", ""], dtype=object)
    fields = [(name, 11), ("DE", 2), (digits(np.array([7, -42, 0]), 6), 6)]
    assert columns.write_fixed(parts.append, fields) == 3
    assert b"".join(parts).decode().splitlines() == [
        "ANN        DE000007",
        "BARTHOLOMEWDE-00042",
        "           DE000000",
    ]
    with pytest.raises(ValueError, match="wider than its field of 5"):
        columns.write_fixed(parts.append, [(name, 5)])


def test_a_coded_column_stands_for_its_rows():
    level = Coded(np.array([2, 0, 0, 1]), ["F", "M", "V"])
    assert level.tolist() == ["V", "F", "F", "M"]
    assert level[np.array([3, 0])].tolist() == ["M", "V"]
    assert level[level != "F"].tolist() == ["V", "M"]
    assert (level == np.array(["V", "M", "F", "M"])).tolist() == [True, False, True, True]
    assert level.map(str.lower).where(np.array([True, True, False, True])).tolist() == [
        "v", "f", "", "m",
    ]  # fmt: skip
    assert np.where(np.array([True, False, False, False]), "-", level).tolist() == list("-FFM")
    assert columns.ranks(level).tolist() == [2, 0, 0, 1]
    assert level[3] == "M" and len(level[1:3]) == 2


def test_numbers_as_digits():
    numbers = np.array([0, 7, -7, 99999])
    assert digits(numbers, 6).tolist() == [format(n, "06d") for n in numbers.tolist()]
    with pytest.raises(ValueError, match="more than 4 digits"):
        digits(np.array([10_000]), 4)
    with pytest.raises(ValueError, match="more than 4 digits"):
        digits(np.array([-1_000]), 4)


@pytest.mark.parametrize("layout", ["iso", "us", "compact"])
def test_dates_as_text(layout):
    pattern = {"iso": "%Y-%m-%d", "us": "%m/%d/%Y", "compact": "%Y%m%d"}[layout]
    days = np.array([0, -20_000, 11_016, 20_453, timeline.OPEN])
    expected = [
        d.astype(object).strftime(pattern) for d in days[:-1].astype("M8[D]")
    ] + [""]  # fmt: skip
    assert timeline.text(days, layout).tolist() == expected
    assert timeline.dates(days, layout).tolist() == expected
    with pytest.raises(ValueError, match="outside of 1850 to 2199"):
        timeline.text(np.array([timeline.OPEN - 1]), layout)


def test_ids_come_back_only_after_the_gap_and_for_somebody_else():
    rng = np.random.default_rng(2)
    n = 4_000
    first = rng.integers(0, 40, n)
    last = first + rng.integers(0, 10, n)
    owner = rng.integers(0, n, n)
    ids = np.arange(n).astype("U6")
    again = records.reissued(ids, owner, first, last, gap=12, share=0.1, rng=rng)
    shared = [np.flatnonzero(again == key) for key in np.unique(again[again != ids])]
    assert 100 < len(shared) < 400
    for rows in shared:
        assert len(rows) == 2 and len(set(owner[rows])) == 2
        early, later = rows[np.argsort(first[rows])]
        assert last[early] + 12 <= first[later]
    none = np.zeros(0, dtype=np.int64)
    assert not len(records.reissued(ids[:0], none, none, none, gap=1, share=1, rng=rng))
