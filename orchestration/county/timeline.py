"""Days, months and the window of deliveries.

A date is a whole number of days since 1970-01-01; OPEN stands for "not ended". Intervals
are half-open: the day of the end is the first day on which the state no longer holds.
Add here: calendar arithmetic. Keep out: what happens on the days.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from orchestration.county.columns import Coded, Table

OPEN = 1_000_000  # a day in the year 4707: later than anything the county knows


def day(year: int, month: int, dom: int) -> int:
    """The day number of a date."""
    return int(np.datetime64(f"{year:04d}-{month:02d}-{dom:02d}", "D").astype(np.int64))


# days of which tables of the calendar are kept: from 1850-01-01 to a little after OPEN
_CALENDAR_FROM, _CALENDAR_TO = -43_829, OPEN + 1_000


@cache
def _calendar() -> tuple[np.ndarray, np.ndarray]:
    """Of each day from _CALENDAR_FROM on, YYYYMMDD as a number, and the month number.

    Looking a day up takes a tenth of the time of converting it, and a county of a million
    persons asks for billions of dates.
    """
    dates = np.arange(_CALENDAR_FROM, _CALENDAR_TO).astype("M8[D]")
    months = dates.astype("M8[M]")
    number = months.astype(np.int64)
    dom = (dates - months.astype("M8[D]")).astype(np.int64) + 1
    packed = (number // 12 + 1970) * 10_000 + (number % 12 + 1) * 100 + dom
    return packed.astype(np.int32), number.astype(np.int32)


def _looked_up(which: int, days: np.ndarray | int) -> np.ndarray:
    at = np.asarray(days, dtype=np.int64) - _CALENDAR_FROM
    if at.size and (at.min() < 0 or at.max() >= _CALENDAR_TO - _CALENDAR_FROM):
        raise ValueError("a day lies before 1850 or after OPEN")
    return _calendar()[which][at].astype(np.int64)


def parts(days: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Year, month and day of month of each day number."""
    packed = _looked_up(0, days)
    rest, dom = np.divmod(packed, 100)
    year, month = np.divmod(rest, 100)
    return year, month, dom


def month_of(days: np.ndarray) -> np.ndarray:
    """The month number (months since 1970-01) of each day."""
    return _looked_up(1, days)


def month_start(months: np.ndarray) -> np.ndarray:
    """The first day of each month number."""
    return np.asarray(months, dtype=np.int64).astype("M8[M]").astype("M8[D]").astype(np.int64)


def birthday(dob: np.ndarray, age: np.ndarray | int) -> np.ndarray:
    """The day on which someone born on `dob` turns `age` (29 February counts as 1 March)."""
    year, month, dom = parts(dob)
    months = (year + age - 1970) * 12 + month - 1
    return month_start(months) + dom - 1


def age_on(dob: np.ndarray, on: np.ndarray | int) -> np.ndarray:
    """Completed years of age on a day."""
    # of two dates as numbers YYYYMMDD the difference holds the years in its ten thousands
    return (_looked_up(0, on) - _looked_up(0, dob)) // 10_000


_ORDER = {
    "iso": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    "us": (5, 6, 4, 8, 9, 4, 0, 1, 2, 3),
    "compact": (0, 1, 2, 3, 5, 6, 8, 9),
    "mmddyyyy": (5, 6, 8, 9, 0, 1, 2, 3),
}
# days of which each layout keeps a table: 1850-01-01 to 2199-12-31
_TABLE_FROM, _TABLE_TO = -43_829, 84_006


@cache
def _table(layout: str) -> Table:
    """The text of each day from _TABLE_FROM on; the last value is empty, for OPEN."""
    iso = np.datetime_as_string(np.arange(_TABLE_FROM, _TABLE_TO).astype("M8[D]")).astype("U10")
    letters = iso.view("U1").reshape(len(iso), 10).copy()
    if layout == "us":
        letters[:, 4] = "/"
    order = _ORDER[layout]
    chosen = np.ascontiguousarray(letters[:, list(order)]).view(f"U{len(order)}").ravel()
    return Table(np.append(chosen, ""))


def _code(days: np.ndarray) -> np.ndarray:
    days = np.asarray(days, dtype=np.int64)
    code = np.where(days < OPEN, days, _TABLE_TO) - _TABLE_FROM
    if len(code) and (code.min() < 0 or code.max() > _TABLE_TO - _TABLE_FROM):
        raise ValueError("a date lies outside of 1850 to 2199")
    return code


def text(days: np.ndarray, layout: str = "iso") -> np.ndarray:
    """Dates as text: iso YYYY-MM-DD, us MM/DD/YYYY, compact YYYYMMDD, mmddyyyy;
    OPEN becomes empty.

    Raises ValueError for days outside of 1850 to 2199 that are not OPEN.
    """
    return _table(layout).values[_code(days)]


def dates(days: np.ndarray, layout: str = "iso") -> Coded:
    """The same as a column for big files: a tenth of the memory, and quicker to write."""
    return Coded(_code(days), _table(layout))


@dataclass(frozen=True)
class Window:
    """The months in which agencies deliver, and how far back their files go.

    first: month number of the first delivery; months: how many. Everything an agency hands
    over in a month is what it knew on the last day of that month.
    """

    first: int
    months: int

    @property
    def start(self) -> int:
        """The first day of the first delivered month: the day the county is counted."""
        return int(month_start(np.array([self.first]))[0])

    @property
    def end(self) -> int:
        """The day after the last delivered month."""
        return int(month_start(np.array([self.first + self.months]))[0])

    @property
    def year(self) -> int:
        return self.first // 12 + 1970

    @property
    def history(self) -> int:
        """The first day of the true histories: 1 January, seven years before the start."""
        return day(self.year - 7, 1, 1)

    def as_of(self, i: int) -> int:
        """The last day of delivery i (0-based)."""
        return int(month_start(np.array([self.first + i + 1]))[0]) - 1

    def folder(self, i: int) -> str:
        """YYYY-MM of delivery i."""
        year, month = divmod(self.first + i, 12)
        return f"{year + 1970:04d}-{month + 1:02d}"


def window(start: str, months: int) -> Window:
    """The window that starts in the month `start` (YYYY-MM)."""
    year, month = start.split("-")
    return Window(first=(int(year) - 1970) * 12 + int(month) - 1, months=months)
