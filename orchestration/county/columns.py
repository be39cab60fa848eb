"""Text columns of files with millions of rows, and how they become bytes.

A column is any array of text (numpy U or S, or object), of whole numbers, or a `Coded`: one
small whole number per row into a table of values. Memory and time go where rows are text: U
takes four bytes a letter, an object column hashes every row again when it is written. So make
text once per distinct value and carry numbers per row:

    level = Coded(code, ["F", "M", "V"])             # codes you have anyway
    last = coded(identity.last)                      # text you have: names, addresses
    ids = coded(digits(numbers, 10))                 # once, before the loop over deliveries
    columns = {"student_id": ids[record], "last_name": last.map(str.title)[record]}

A Coded is indexed like an array (slices, row numbers, masks), compares with text, and turns
into an object array wherever numpy asks for one (np.where, np.asarray), so it may stand in
any Columns. A table is quoted and encoded once, however many files its columns go into.
Sort rows by numbers (codes, ranks, days), never by text columns: `ranks` gives the order of
text as numbers.
Add here: another fast way to make or write text. Keep out: layouts (agencies/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

# Rows of a file made at a time: 65,536 rows of 300 bytes are 20 MB, whatever the file's size.
BLOCK = 65_536


class Table:
    """The distinct values of a column and their bytes in the files they were written to."""

    __slots__ = ("ready", "values")

    def __init__(self, values: Sequence[str] | np.ndarray):
        self.values = np.asarray(values)
        self.ready: dict[tuple[str, str], np.ndarray] = {}

    def bytes(self, delimiter: str, encoding: str) -> np.ndarray:
        key = (delimiter, encoding)
        if key not in self.ready:
            self.ready[key] = _fields(self.values, delimiter, encoding)
        return self.ready[key]


class Coded:
    """A column of text: row r holds values[codes[r]].

    codes: whole numbers from 0, or a mask for two values; values: the table, text or whole
    numbers, not necessarily distinct or all in use. table: the same, to share between columns.
    """

    __slots__ = ("codes", "table")
    __hash__ = None  # compares element by element, like an array
    dtype = np.dtype(object)
    ndim = 1

    def __init__(self, codes: np.ndarray, values: Sequence[str] | np.ndarray | Table):
        self.table = values if isinstance(values, Table) else Table(values)
        codes = np.asarray(codes)
        if codes.dtype == bool:
            codes = codes.astype(np.int8)
        # four bytes a row, not eight: these columns are what fills the memory
        self.codes = codes if codes.dtype.itemsize <= 4 else codes.astype(np.int32)

    @property
    def values(self) -> np.ndarray:
        """The table."""
        return self.table.values

    @property
    def shape(self) -> tuple[int]:
        """(rows,), as of an array."""
        return (len(self.codes),)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Any:
        if np.ndim(rows) == 0 and not isinstance(rows, slice):
            return str(self.values[self.codes[rows]])
        return Coded(self.codes[rows], self.table)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        values = self.values if self.values.dtype == object else self.values.astype(object)
        out = values[self.codes]
        return out if dtype is None else out.astype(dtype)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, str):
            return (self.values == other)[self.codes]
        return np.asarray(self) == np.asarray(other)

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def tolist(self) -> list[str]:
        """The rows as Python text."""
        return np.asarray(self).tolist()

    def map(self, function: Callable[[str], str]) -> Coded:
        """`function` of every row, called once for each value of the table."""
        changed = [function(v) for v in self.values.tolist()]
        return Coded(self.codes, np.array(changed, dtype=object))

    def where(self, keep: np.ndarray, other: str = "") -> Coded:
        """The column with `other` in the rows that are not kept (a mask)."""
        values = np.append(self.values.astype(object), other)
        return Coded(np.where(keep, self.codes, len(values) - 1), values)


Columns = dict[str, np.ndarray | Coded]


def coded(values: np.ndarray | Coded | Sequence[str]) -> Coded:
    """Any text as a Coded, its table in the order in which the values first appear."""
    if isinstance(values, Coded):
        return values
    import pyarrow as pa

    values = np.asarray(values)
    if values.dtype.kind == "S":
        values = values.astype("U")
    # U is slower in pyarrow than the Python strings of an object column
    found = pa.array(values.astype(object), type=pa.string()).dictionary_encode()
    return Coded(found.indices.to_numpy(), found.dictionary.to_numpy(zero_copy_only=False))


def mapped(values: np.ndarray | Coded, function: Callable[[str], str]) -> np.ndarray:
    """`function` of every row as an object array, called once for each distinct value."""
    return np.asarray(coded(values).map(function))


def ranks(values: np.ndarray | Coded) -> np.ndarray:
    """The place of each row's text among the distinct texts in order: sort by these."""
    column = coded(values)
    distinct, place = np.unique(column.values.astype("U"), return_inverse=True)
    return place.astype(np.int32 if len(distinct) < 2**31 else np.int64)[column.codes]


def digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Whole numbers as text of `width` digits with leading zeros (U).

    Numbers below zero begin with the sign, as format(n, f"0{width}d") does. Raises ValueError
    when one does not fit.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    rest = np.abs(numbers)
    if len(rest) and (rest >= 10 ** (width - (numbers < 0))).any():
        raise ValueError(f"a number has more than {width} digits")
    letters = np.empty((len(numbers), width), dtype=np.uint32)
    for at in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        letters[:, at] = digit
    letters += ord("0")
    letters[numbers < 0, 0] = ord("-")
    return letters.view(f"U{width}").ravel()


def write_rows(
    write: Callable[[bytes], Any], columns: Columns, delimiter: str = ",", encoding: str = "utf-8"
) -> int:
    """Write columns as delimited lines with a header; the number of rows.

    Fields with the delimiter, quotes or a line break are quoted. `write` is called with the
    header and then with one block of lines after the other, so memory does not grow with the
    file. Raises ValueError for columns of unequal length.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    rows = next(iter(lengths.values()))
    if set(lengths.values()) != {rows}:
        raise ValueError(f"columns of unequal length: {lengths}")
    header = _fields(np.array(list(columns), dtype=object), delimiter, encoding)
    write(delimiter.encode(encoding).join(header.tolist()) + b"\n")
    ends = [delimiter.encode(encoding)] * (len(columns) - 1) + [b"\n"]
    prepared = [_prepared(values) for values in columns.values()]
    for begin in range(0, rows, BLOCK):
        block = slice(begin, min(begin + BLOCK, rows))
        fields = (_block(values, block, delimiter, encoding) for values in prepared)
        write(_lines(fields, ends, block.stop - begin).translate(None, b"\0"))
    return rows


def write_fixed(
    write: Callable[[bytes], Any], fields: Iterable[tuple[np.ndarray | Coded | str, int]],
    encoding: str = "ascii",
) -> int:  # fmt: skip
    """Write lines of fixed width without a header; the number of rows.

    fields: (column, width) from left to right, text flush left and filled with blanks; a str
    stands in every line. Numbers flush right are made with `digits`. Raises ValueError when a
    value is wider than its field.
    """
    listed = [(_prepared(v) if not isinstance(v, str) else v, width) for v, width in fields]
    rows = max(len(v) for v, _ in listed if not isinstance(v, str))
    for begin in range(0, rows, BLOCK):
        block = slice(begin, min(begin + BLOCK, rows))
        count = block.stop - begin
        out = np.full((count, sum(w for _, w in listed) + 1), ord(" "), dtype=np.uint8)
        out[:, -1] = ord("\n")
        at = 0
        for values, width in listed:
            if isinstance(values, str):
                part = np.array([values.encode(encoding)])
            else:
                part = _block(values, block, "", encoding)
            if part.dtype.itemsize > width:
                raise ValueError(f"a value is wider than its field of {width} at {at + 1}")
            text = part.view(np.uint8).reshape(len(part), part.dtype.itemsize)
            np.copyto(out[:, at : at + part.dtype.itemsize], np.where(text == 0, ord(" "), text))
            at += width
        write(out.tobytes())
    return rows


def _prepared(values: np.ndarray | Coded) -> np.ndarray | Coded:
    """A column as the writer wants it; whole numbers become a table where they repeat."""
    if isinstance(values, Coded):
        return values
    values = np.asarray(values)
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < 2 * len(values) + 1000:
            return Coded(values - low, np.arange(low, high + 1).astype("U"))
        return values.astype("U")
    if values.dtype.kind not in "USOiu":
        raise TypeError(f"a column of {values.dtype} is no text; turn it into text first")
    return values


def _block(values, block: slice, delimiter: str, encoding: str) -> np.ndarray:
    """The rows of a block, quoted and encoded (S)."""
    if isinstance(values, Coded):
        # the table may be far larger than a block of it is used once: still made only once
        return values.table.bytes(delimiter, encoding)[values.codes[block]]
    part = values[block]
    if part.dtype == object:
        part = coded(part)
        return part.table.bytes(delimiter, encoding)[part.codes]
    return _fields(part, delimiter, encoding)


def _lines(fields: Iterable[np.ndarray], ends: list[bytes], rows: int) -> bytes:
    """Fields side by side, padded with zero bytes, each followed by its end."""
    listed = list(fields)
    layout = [(f"f{i}", f.dtype) for i, f in enumerate(listed)]
    layout += [(f"e{i}", f"S{len(end)}") for i, end in enumerate(ends)]
    order = [name for pair in zip(layout[: len(listed)], layout[len(listed) :], strict=True)
             for name in pair]  # fmt: skip
    lines = np.empty(rows, dtype=order)
    for i, (values, end) in enumerate(zip(listed, ends, strict=True)):
        lines[f"f{i}"] = values
        lines[f"e{i}"] = end
    return lines.tobytes()


def _fields(values: np.ndarray, delimiter: str, encoding: str) -> np.ndarray:
    """Values as bytes (S), those quoted that need it. delimiter "": nothing is quoted."""
    raw = _encoded(values, encoding)
    if not delimiter or not len(raw):
        return raw
    letters = raw.view(np.uint8).reshape(len(raw), raw.dtype.itemsize)
    special = (letters == ord(delimiter)) | (letters == ord('"')) | (letters == ord("\n"))
    rows = np.flatnonzero(special.any(axis=1))
    if not len(rows):
        return raw
    quoted = np.array([b'"' + v.replace(b'"', b'""') + b'"' for v in raw[rows].tolist()])
    raw = raw.astype(f"S{max(raw.dtype.itemsize, quoted.dtype.itemsize)}")
    raw[rows] = quoted
    return raw


def _encoded(values: np.ndarray, encoding: str) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind == "S":
        return np.ascontiguousarray(values)
    if values.dtype.kind == "U" and values.dtype.itemsize and len(values):
        points = np.ascontiguousarray(values).view(np.uint32).reshape(len(values), -1)
        if points.max() < 128:
            return points.astype(np.uint8).view(f"S{points.shape[1]}").ravel()
    # Python strings: of a table, or the few with letters beyond ASCII
    return np.array([str(v).encode(encoding) for v in values.tolist()], dtype="S")
