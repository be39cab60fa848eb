"""What was due when, what is late and what is missing: quality.expected_delivery.

A contract's frequency says how often, its latency (else expectations/_policy.yml) how many days
after a period's end its file may still come. Contracts are restated in quality.rhythm before
each run; the rest is SQL over quality.load. Add here: a rhythm. Keep out: telling anyone (notify).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestration import warehouse
from orchestration.landing import registry
from orchestration.landing.calendars import MONTHS_OF
from orchestration.landing.contracts import Contract
from orchestration.quality import suites
from orchestration.settings import Settings

if TYPE_CHECKING:
    import psycopg

# SQL intervals of the frequencies that come round. The others (`never`, `when changed`) are
# never due.
RHYTHMS = {
    "daily": "1 day",
    "weekly": "7 days",
    **{frequency: f"{months} months" for frequency, months in MONTHS_OF.items()},
}

DDL = r"""
create table if not exists quality.rhythm (
    agency text not null,
    file text not null,
    rhythm text not null,
    every interval not null,
    grace_days integer not null,
    grace_because text not null,
    by_period boolean not null,
    first_day date,
    last_day date,
    primary key (agency, file)
);
-- The day on which a warehouse of fictional data stands; no row: the calendar's.
create table if not exists quality.clock (today date not null);

-- The day to judge by: lifecourse.today of the session, else the warehouse's clock, else today.
create or replace function quality.today() returns date language sql stable as $$
    select coalesce(
        nullif(current_setting('lifecourse.today', true), '')::date,
        (select min(today) from quality.clock),
        current_date
    )
$$;

-- The last day of a period as files name it: 2025-03-14, 2025-W11, 2025-03, 202503, 2025Q1, 2025.
create or replace function quality.period_end(period text) returns date
language sql immutable as $$
    select case
        when period ~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$'
            then to_date(period, 'YYYY-MM-DD')
        when period ~ '^\d{4}-W(0[1-9]|[1-4]\d|5[0-3])$' then to_date(period, 'IYYY-"W"IW') + 6
        when period ~ '^\d{4}-?(0[1-9]|1[0-2])$'
            then (to_date(replace(period, '-', ''), 'YYYYMM') + interval '1 month')::date - 1
        when period ~ '^\d{4}-?Q[1-4]$'
            then (to_date(left(period, 4), 'YYYY')
                + right(period, 1)::integer * interval '3 months')::date - 1
        when period ~ '^\d{4}$' then (to_date(period, 'YYYY') + interval '1 year')::date - 1
    end
$$;

create or replace function quality.period_name(last_day date, rhythm text) returns text
language sql immutable as $$
    select case rhythm
        when 'daily' then to_char(last_day, 'YYYY-MM-DD')
        when 'weekly' then to_char(last_day, 'IYYY-"W"IW')
        when 'quarterly' then to_char(last_day, 'YYYY"Q"Q')
        when 'yearly' then to_char(last_day, 'YYYY')
        else to_char(last_day, 'YYYY-MM')
    end
$$;

-- One row for each file and period that is owed: of each file the one that is running or comes
-- next, and of files that come by period also each one that is over and never came. A whole file
-- makes good those before it, so of such a file the oldest that is owed is the one row. What is
-- held has come: it is the steward's turn.
create or replace view quality.expected_delivery as
with clock as (
    select quality.today() as today
),
came as (
    select agency, file, quality.period_end(period) as last_day,
        bool_or(status in ('accepted', 'duplicate')) as taken,
        bool_or(status in ('held', 'received')) as waits,
        bool_or(status = 'rejected') as refused
    from quality.load
    where quality.period_end(period) is not null
    group by agency, file, quality.period_end(period)
),
taken as (
    select agency, file, last_day,
        lead(last_day) over (partition by agency, file order by last_day) as next_day
    from came where taken
),
stretch as (
    -- from each period that was taken to the next that was, or to the end
    select r.*, t.last_day as since, t.next_day as until
    from quality.rhythm as r join taken as t using (agency, file)
    where t.next_day is null or r.by_period
    union all
    -- of a file that never came, from the first day its contract names
    select r.*, r.first_day - 1, null
    from quality.rhythm as r
    where r.first_day is not null
        and not exists (select from taken as t where (t.agency, t.file) = (r.agency, r.file))
),
owed as (
    select s.*, clock.today, step::date - 1 as period_end
    from stretch as s cross join clock
    cross join lateral generate_series(
        (s.since + 1)::timestamp + s.every,
        -- half a step early or late is the same period of a calendar of terms
        case
            when s.until is not null then (s.until + 1)::timestamp - s.every * 0.5
            when s.by_period then greatest(clock.today, s.since + 1)::timestamp + s.every
            else (s.since + 1)::timestamp + s.every
        end,
        s.every
    ) as step
),
answered as (
    select o.*, coalesce(c.waits, false) as waits, coalesce(c.refused, false) as was_rejected
    from owed as o
    left join lateral (
        select bool_or(came.waits) as waits, bool_or(came.refused) as refused
        from came
        where (came.agency, came.file) = (o.agency, o.file) and not came.taken
            and came.last_day > o.period_end - o.every * 0.5
            and came.last_day <= o.period_end + o.every * 0.5
    ) as c on true
    where o.period_end <= coalesce(o.last_day, 'infinity')
)
select agency, file, quality.period_name(period_end, rhythm) as period, rhythm, period_end,
    period_end + grace_days as due_on,
    case
        when waits then 'waiting'
        when period_end + grace_days < today then 'late'
        when period_end < today then 'due'
        else 'next'
    end as state,
    case when waits then 0 else greatest(today - (period_end + grace_days), 0) end as days_late,
    was_rejected, grace_days, grace_because, today as as_of
from answered;
"""


def ensure(connection: psycopg.Connection, contracts: Iterable[Contract]) -> None:
    """Make the tables and the view where they are missing; restate the contracts' rhythms.

    contracts: all of them; a file without a contract is owed by nobody.
    """
    registry.once(connection, "quality.rhythm", DDL)
    stated = sorted(
        _rhythm(contract)
        for contract in contracts
        if contract.access_class != "unavailable" and contract.frequency in RHYTHMS
    )
    names = "agency, file, rhythm, grace_days, grace_because, by_period, first_day, last_day"
    known = connection.execute(f"select {names} from quality.rhythm order by 1, 2").fetchall()
    if known == stated:
        return
    connection.execute("delete from quality.rhythm")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into quality.rhythm ({names}, every) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s::text::interval)",
            [(*row, RHYTHMS[row[2]]) for row in stated],
        )


def _rhythm(contract: Contract) -> tuple:
    grace, because = contract.latency or suites.policy().grace[contract.frequency]
    return (
        contract.agency, contract.file, contract.frequency, grace, because,
        contract.delivery_kind == "increment", contract.first_day, contract.last_day,
    )  # fmt: skip


def expected(
    settings: Settings, *, today: datetime.date | None = None, late_only: bool = False
) -> list[dict[str, Any]]:
    """Rows of quality.expected_delivery, the longest overdue first.

    today: the day to judge by instead of the warehouse's clock.
    """
    from orchestration import landing

    with warehouse.connect(settings) as connection:
        warehouse.ensure_bookkeeping(connection)
        landing.ensure_staging(connection, ())
        ensure(connection, landing.load_contracts(settings.contracts))
        connection.commit()
        return read(connection, today=today, late_only=late_only)


def read(
    connection: psycopg.Connection, *, today: datetime.date | None = None, late_only: bool = False
) -> list[dict[str, Any]]:
    """As `expected`, on a connection; empty in a warehouse from before there was the view."""
    from psycopg.rows import dict_row

    if not connection.execute("select to_regclass('quality.expected_delivery')").fetchone()[0]:
        return []
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        if today is not None:
            cursor.execute("select set_config('lifecourse.today', %s, true)", [today.isoformat()])
        return cursor.execute(
            "select * from quality.expected_delivery where not %s or days_late > 0 "
            "order by days_late desc, due_on, agency, file, period_end",
            [late_only],
        ).fetchall()


def summed_up(rows: list[dict[str, Any]]) -> list[str]:
    """One sentence for each agency with something late, the longest overdue first."""
    by_agency: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["days_late"] > 0:
            by_agency.setdefault(row["agency"], []).append(row)
    said = []
    for agency, late in by_agency.items():
        first = late[0]
        days = f"{first['days_late']} {'day' if first['days_late'] == 1 else 'days'}"
        owed = f"{agency}/{first['file']} {first['period']}: {days} late (due {first['due_on']})"
        more = f"; {len(late) - 1} more of {agency}" if len(late) > 1 else ""
        said.append(owed + more)
    return said


def last_day(month: str) -> datetime.date:
    """Of a month or a delivery folder named after one, YYYY-MM."""
    first = datetime.date.fromisoformat(f"{month[:7]}-01")
    return (first + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)


def set_clock(connection: psycopg.Connection, today: datetime.date) -> None:
    """Let a warehouse of fictional data stand at a day, so that nothing of it grows late."""
    registry.once(connection, "quality.rhythm", DDL)
    connection.execute("delete from quality.clock")
    connection.execute("insert into quality.clock values (%s)", [today])
