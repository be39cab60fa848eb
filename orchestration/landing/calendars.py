"""The year of an agency, as a contract names it: months in which a file turns or has to rest.

A school's year, a program year, a fiscal year. In the month in which it turns a file differs from
the month before by rule, and within the year like can be compared with like. Nothing here knows
which file that is: the contract says so, with its reason.
Add here: what else of a calendar a comparison of loads must know. Keep out: limits (_policy.yml).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestration.errors import UsageError

TURN, REST, ORDINARY = "turn", "rest", "ordinary"
# Months of one period, of the frequencies of a contract that come round in months.
MONTHS_OF = {"monthly": 1, "quarterly": 3, "twice a year": 6, "yearly": 12}
_KEYS = {"turns", "columns", "rests", "firstHoldsMore", "because"}
_MONTH = re.compile(r"(\d{4})-?(0[1-9]|1[0-2])(?!\d)")
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])$")


@dataclass(frozen=True)
class Calendar:
    """turns: months (1-12) in which the file turns; columns: those that then differ altogether,
    such as the days on which a year ends. rests: months in which the service rests and a file
    holds next to nothing. first_holds_more: the first file ever holds several periods."""

    turns: frozenset[int] = frozenset()
    columns: frozenset[str] = frozenset()
    rests: frozenset[int] = frozenset()
    first_holds_more: bool = False
    because: str = ""

    def phase(self, period: str) -> str:
        """TURN, REST or ORDINARY; a period without a month is ordinary."""
        number = month_number(period)
        month = None if number is None else number % 12 + 1
        if month in self.rests:
            return REST
        return TURN if month in self.turns else ORDINARY

    def turns_between(self, before: str, period: str) -> bool:
        """Whether the year turns after `before` and not after `period`."""
        first, last = month_number(before), month_number(period)
        if first is None or last is None:
            return False
        return bool(self.turns & {n % 12 + 1 for n in range(first + 1, min(last, first + 12) + 1)})


def month_number(period: str) -> int | None:
    """Months since the year 0 of the month that a period begins with ('2025-03', '202503',
    '2025-03-14') or, of a quarter, ends with; None for another form."""
    month = _MONTH.match(period)
    if month:
        return int(month[1]) * 12 + int(month[2]) - 1
    quarter = _QUARTER.match(period)
    return int(quarter[1]) * 12 + int(quarter[2]) * 3 - 1 if quarter else None


def calendar(value: object, wrong: Callable[[str, str], UsageError]) -> Calendar:
    """The property `calendar` of a contract; None is the empty one. wrong: words an error."""
    if value is None:
        return Calendar()
    if not isinstance(value, dict) or set(value) - _KEYS or not value.get("because"):
        raise wrong("calendar", f"is a mapping with {', '.join(sorted(_KEYS))}, the last with text")
    return Calendar(
        turns=_months(value.get("turns", ()), wrong),
        columns=_names(value.get("columns", ()), wrong),
        rests=_months(value.get("rests", ()), wrong),
        first_holds_more=value.get("firstHoldsMore") is True,
        because=" ".join(str(value["because"]).split()),
    )


def _months(value: Iterable[int], wrong: Callable[[str, str], UsageError]) -> frozenset[int]:
    months = list(value) if isinstance(value, list | tuple) else [0]
    if not all(type(month) is int and 1 <= month <= 12 for month in months):
        raise wrong("calendar turns and rests", "must be lists of months from 1 to 12")
    return frozenset(months)


def _names(value: object, wrong: Callable[[str, str], UsageError]) -> frozenset[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise wrong("calendar columns", "must be a list of columns")
    return frozenset(value)
