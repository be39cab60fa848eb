"""What a delivery does to those before it: its type, its scope, its place in the order.

    original          the scope for the first time, whole
    resubmission      the scope again, whole
    full_replacement  the source again, whole, with all its periods
    correction        rows of the scope that were wrong, by key
    incremental       what has changed in the scope since the delivery before, by key

The scope is the source and the period, or all periods (ALL); of a snapshot that rolls it is the
periods that its rows are of, and only a full replacement closes others. What a scope held and the
first three do not hold is closed; the other two (CHANGES) close only the rows whose keys they
hold. Outside the scope nothing is touched. The manifest names the type; where it does not, the
delivery folder's suffix (2025-03_c1), and else the contract.
Add here: a type. Keep out: which rows are closed (superseding).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.landing.contracts import DELIVERY_TYPES
from orchestration.landing.readers import BadInput

if TYPE_CHECKING:
    from orchestration.landing.discovery import DeliveredFile

ALL = "*"
CHANGES = ("correction", "incremental")
REPLACING = tuple(kind for kind in DELIVERY_TYPES if kind not in CHANGES)
SUFFIXES = {"r": "resubmission", "f": "full_replacement", "c": "correction", "i": "incremental"}
# A month and what follows it: 2025-03, 2025-03_r1.
SUFFIX = re.compile(r".{7}[_-]([A-Za-z]*)(\d*)")


@dataclass(frozen=True)
class Terms:
    """The terms a file is delivered on. scope: a period, or ALL."""

    delivery_type: str
    period: str
    scope: str


def order(delivery: str) -> tuple[str, int, str]:
    """Sorts delivery folders as agencies hand them over: by month, then by the suffix's number.

    So _c2 comes after _r1: the deliveries of a month are numbered in one row. The register
    keeps the same order as quality.load.delivery_order.
    """
    suffix = SUFFIX.match(delivery)
    return delivery[:7], int(suffix[2] or 0) if suffix else 0, delivery


def terms(file: DeliveredFile, entry: Mapping[str, Any] | None) -> Terms:
    """The terms of a file that a contract describes. entry: what the manifest says of it.

    Raises BadInput when the manifest says what cannot be, or when the contract lacks what the
    type needs: a key for CHANGES, the period of a row for all periods of a source that is
    delivered by period.
    """
    contract = file.contract
    assert contract is not None
    told = entry or {}
    found = told.get("type") or _suffix_type(file.delivery) or contract.delivery_type
    if found not in DELIVERY_TYPES:
        raise BadInput("its manifest names a delivery type other than " + ", ".join(DELIVERY_TYPES))
    period = str(told.get("period") or file.period)
    if file.dated and period not in (file.period, ALL):
        raise BadInput(
            f"the manifest says that it covers {period[:20]}, its own name or header {file.period}"
        )
    by_period = contract.delivery_kind == "increment"
    scope = period if by_period and found != "full_replacement" else ALL
    period = file.period if period == ALL else period
    if by_period and scope == ALL and contract.row_period is None:
        raise BadInput(
            "it covers every period, and the contract does not say how a row tells its own "
            "(rowPeriod); send one file for each period"
        )
    if found in CHANGES and not all(table.key for table in contract.tables):
        raise BadInput(
            f"it is a delivery of the type {found}, and the contract names no key by which "
            "single rows could be replaced; send the whole again"
        )
    return Terms(found, period, scope)


def _suffix_type(delivery: str) -> str | None:
    suffix = SUFFIX.fullmatch(delivery)
    return SUFFIXES.get(suffix[1].lower()) if suffix else None
