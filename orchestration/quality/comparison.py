"""Which accepted loads a load is compared with: its level with some, its movement with others.

Within the year of an agency the latest loads are its like. In the month in which the year turns,
by the contract's calendar, only what earlier turns did says how far a file may move; before
there was one, limits are wider (expectations/_policy.yml), and a load of the same month a year
before is always a second chance. Add here: another choice of loads. Keep out: figures (history),
rules on them (stability_types).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.errors import LifecourseError
from orchestration.landing.calendars import MONTHS_OF, ORDINARY, REST, TURN, month_number
from orchestration.landing.delivery_types import CHANGES
from orchestration.quality import suites

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract
    from orchestration.quality.suites import RuleSpec

# Accepted loads looked through for those of the same month: three years of monthly files.
_LOOKED_THROUGH = 36


@dataclass(frozen=True)
class Comparison:
    """One load, and those it is compared with: latest first, each accepted and with figures.

    period, delivery_type, phase: of the load; phase is calendars.TURN also when the year turned
    since the load before. compared_with: whose level is compared. earlier: that tell how
    figures move from load to load; in a turn those of the same month, once there are any
    (experienced). season: the same period a year before. accepted: how many there are to
    compare with at all. steps: periods since the load before, 1 when that is the last.
    """

    load_id: int
    period: str
    delivery_type: str
    phase: str
    compared_with: list[int]
    earlier: list[int]
    season: list[int]
    accepted: int
    experienced: bool
    steps: int


def compare(connection: psycopg.Connection, contract: Contract, load_id: int) -> Comparison:
    """What one registered load is to be compared with.

    Raises LifecourseError when the contract's file has no such load.
    """
    defaults = suites.policy()
    period, delivery_type = _about(connection, contract, load_id)
    calendar = contract.calendar
    before = earlier_loads(connection, contract, load_id, _LOOKED_THROUGH)
    if calendar.first_holds_more and len(before) < _LOOKED_THROUGH:
        before = before[:-1]
    before = [one for one in before if calendar.phase(one[1]) != REST]
    phase = calendar.phase(period)
    if phase == ORDINARY and before and calendar.turns_between(before[0][1], period):
        phase = TURN
    if phase == ORDINARY:
        near = before[: _until_turn(contract, before)]
        like = [one for one in before if calendar.phase(one[1]) == ORDINARY]
    else:
        near = before
        month = month_number(period)
        like = [
            one for one in before
            if calendar.phase(one[1]) == TURN and _same_month(month_number(one[1]), month)
        ]  # fmt: skip
    experienced = phase == ORDINARY or bool(like)
    told = like if experienced else before
    return Comparison(
        load_id=load_id,
        period=period,
        delivery_type=delivery_type,
        phase=phase,
        compared_with=[number for number, _ in near[: defaults.compare_with]],
        earlier=[number for number, _ in told[: defaults.spread_of]],
        season=season_of(connection, contract, load_id, period),
        accepted=len(before),
        experienced=experienced,
        steps=_steps(contract, before[0][1], period) if before else 1,
    )


def _until_turn(contract: Contract, before: list[tuple[int, str]]) -> int:
    """How many of these loads are of the year that still runs, that of its turn included."""
    for number, (_, period) in enumerate(before, start=1):
        if contract.calendar.phase(period) == TURN:
            return number
        if number < len(before) and contract.calendar.turns_between(before[number][1], period):
            return number
    return len(before)


def _same_month(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one % 12 == other % 12


def _steps(contract: Contract, before: str, period: str) -> int:
    first, last = month_number(before), month_number(period)
    every = MONTHS_OF.get(contract.frequency)
    if first is None or last is None or every is None:
        return 1
    rests = sum(n % 12 + 1 in contract.calendar.rests for n in range(first + 1, last))
    return max(1, round((last - first - rests) / every))


def _about(connection: psycopg.Connection, contract: Contract, load_id: int) -> tuple[str, str]:
    row = connection.execute(
        "select period, delivery_type from quality.load "
        "where load_id = %s and agency = %s and file = %s",
        [load_id, contract.agency, contract.file],
    ).fetchone()
    if row is None:
        raise LifecourseError(
            f"There is no load {load_id} of {contract.agency}/{contract.file}; "
            "see `lifecourse deliveries`."
        )
    return row


def arguments(
    rule: RuleSpec, kwargs: dict[str, Any], contract: Contract, like: Comparison
) -> str | None:
    """Put into the kwargs of a stability rule what its load is compared with; returns why the
    rule does not apply, or None."""
    if like.delivery_type == "correction":
        return "a correction holds only the rows that were wrong"
    if like.delivery_type in CHANGES and rule.type == "expect_ids_to_be_carried_over":
        return "an incremental delivery holds only what has changed"
    if like.phase == REST:
        return "the service rests in this month, by the calendar of its contract"
    needs = suites.policy().needs
    if like.accepted < needs:
        return f"{like.accepted} accepted deliveries to compare with, {needs} are needed"
    kwargs["compared_with"] = like.compared_with
    kwargs["season"] = like.season
    kwargs["earlier"] = like.earlier
    kwargs["steps"] = like.steps
    kwargs["turn"] = like.phase == TURN
    kwargs["latest_only"] = (
        contract.delivery_kind == "snapshot" and like.delivery_type not in CHANGES
    )
    turns = contract.calendar.columns
    if rule.type in suites.BY_COLUMN and turns and not like.experienced:
        # The contract says what turns; the rest stays as it is.
        kwargs["columns"] = [c for c in kwargs["columns"] if c not in turns]
        if not kwargs["columns"]:
            return "the year turns in this month, and no earlier turn tells what that does"
    elif not like.experienced or (
        like.phase == TURN and rule.type == "expect_row_count_near_history"
    ):
        kwargs["season_limit"] = kwargs["limit"]
        kwargs["limit"] = suites.in_a_turn(rule.type, kwargs["limit"])
    return None


def earlier_loads(
    connection: psycopg.Connection, contract: Contract, load_id: int, limit: int
) -> list[tuple[int, str]]:
    """(load_id, period) of accepted loads of the same file before this one, latest first.

    Of an increment: the current load of each earlier period, so that a resubmission is
    compared with what came before its period. Of a snapshot: the accepted loads before. Like
    with like: a whole with wholes, an incremental delivery with incremental ones; a correction
    holds what was wrong and has nothing to be compared with.
    """
    earlier = (
        "other.is_current and other.period < this.period"
        if contract.delivery_kind == "increment"
        else "other.load_id < this.load_id"
    )
    return connection.execute(
        f"""
        select other.load_id, other.period
        from quality.load as this
        join quality.load as other
          on other.agency = this.agency and other.file = this.file
        where this.load_id = %s and other.load_id <> this.load_id
          and other.status = 'accepted' and {earlier}
          and this.delivery_type <> 'correction' and other.delivery_type <> 'correction'
          and (this.delivery_type = 'incremental') = (other.delivery_type = 'incremental')
          and exists (
              select from quality.metric_history as kept where kept.load_id = other.load_id)
        order by other.period desc, other.load_id desc limit %s
        """,  # type: ignore[arg-type]
        [load_id, limit],
    ).fetchall()


def season_of(
    connection: psycopg.Connection, contract: Contract, load_id: int, period: str
) -> list[int]:
    """The accepted load of the same period a year before, if there is one with figures.

    Not the first load of the file: it often brings a backlog of several periods.
    """
    year = re.match(r"\d{4}", period)
    if not year:
        return []
    rows = connection.execute(
        """
        select other.load_id
        from quality.load as other
        where other.agency = %(agency)s and other.file = %(file)s and other.period = %(period)s
          and other.status = 'accepted' and other.load_id <> %(load_id)s
          and other.delivery_type not in ('correction', 'incremental')
          and exists (
              select from quality.metric_history as kept where kept.load_id = other.load_id)
          and exists (
              select from quality.load as before
              where before.agency = other.agency and before.file = other.file
                and before.status = 'accepted' and before.load_id < other.load_id)
        order by other.load_id desc limit 1
        """,
        {
            "agency": contract.agency,
            "file": contract.file,
            "period": f"{int(year[0]) - 1}{period[4:]}",
            "load_id": load_id,
        },
    ).fetchall()
    return [row[0] for row in rows]
