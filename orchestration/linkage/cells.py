"""Counts and shares that may be shown: small cells left out, shares with their intervals.

Add here: a way to show a count of persons or records. Keep out: what is counted.
"""

from __future__ import annotations

# Counts of 1 to 10 are not shown: the rule of the Centers for Medicare & Medicaid Services for
# cells of persons, and of the project's published tables. 2026-11-23.
LEAST_CELL = 11
# Groups of fewer persons tell more about chance than about themselves; their rates are shown
# with their intervals but count for no gap. 2026-11-25.
LEAST_GROUP = 300


def cell(count: int) -> int | None:
    """A count that may be shown; None for 1 to 10."""
    return None if 0 < count < LEAST_CELL else count


def share(part: int, whole: int) -> float | None:
    """part of whole in percent, None where either it or its complement is a small cell."""
    if whole < LEAST_CELL or cell(part) is None or cell(whole - part) is None:
        return None
    return round(100 * part / whole, 1)


def interval(part: int, whole: int) -> list[float] | None:
    """95 % interval of a share, in percent (Wilson 1927); None where the share is."""
    if share(part, whole) is None:
        return None
    z, rate = 1.959964, part / whole
    middle = (rate + z * z / (2 * whole)) / (1 + z * z / whole)
    half = (
        z / (1 + z * z / whole) * (rate * (1 - rate) / whole + z * z / (4 * whole * whole)) ** 0.5
    )
    return [round(100 * max(0.0, middle - half), 2), round(100 * min(1.0, middle + half), 2)]


def rate(part: int, whole: int) -> dict:
    """{"of": whole, "share", "interval"} of a part that may be shown."""
    return {"of": cell(whole), "share": share(part, whole), "interval": interval(part, whole)}


def gap(rates: dict[str, dict]) -> float | None:
    """Points between the highest and the lowest share among groups of LEAST_GROUP or more;
    None with fewer than two of them."""
    shown = [
        one["share"]
        for one in rates.values()
        if one["share"] is not None and (one["of"] or 0) >= LEAST_GROUP
    ]
    return round(max(shown) - min(shown), 1) if len(shown) > 1 else None
