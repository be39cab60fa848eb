"""Places in child care, as providers' own software reports them: a stream of messages.

NDJSON, one file a month with the messages received in it: how many children of an age group a
provider has and how many more it could take, as of an instant (as_of_ts, county time). About six
in ten licensed providers take part; some report every working day, others once a week.
A vendor keeps the stream for the county under a contract; it holds no child.
Quirks: messages that overtake each other, so that an older one comes last, even a month later;
messages sent twice; providers that stop reporting without saying so; a provider reporting under
its old number after relicensing; vacancies that are blank or do not follow from the rest.

age_group: INF, TOD, PRE, SCH. Add here: waiting lists. Keep out: licences (licensing.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.agencies.licensing import licences
from orchestration.county.columns import digits
from orchestration.county.delivery import Desk
from orchestration.county.lives import child_care as life
from orchestration.county.timeline import OPEN, text
from orchestration.county.world import World

_GROUP = np.array(["INF", "TOD", "PRE", "SCH"])
_DAY = 1440


def deliver(world: World, desk: Desk) -> None:
    """Write capacity_<month>.ndjson of every delivery."""
    window = world.window
    stream = _messages(world)
    for i in range(window.months):
        begin = window.as_of(i - 1) + 1 if i else window.start
        low, high = np.searchsorted(
            stream["received"], [begin * _DAY, (window.as_of(i) + 1) * _DAY]
        )
        lines = _lines({k: v[low:high] for k, v in stream.items()})
        folder = window.folder(i)
        content = "".join(lines).encode("ascii")
        desk.put_bytes("vacancy", folder, f"capacity_{folder}.ndjson", content, rows=len(lines))


def _messages(world: World) -> dict[str, np.ndarray]:
    """All messages of the window in the order in which they were received."""
    window = world.window
    p: life.Providers = world.lives["child_care"].providers
    held = licences(world)
    rng = world.stream("vacancy messages")
    licensed = np.unique(held.provider)
    share = np.where(p.kind[licensed] == life.CENTER, 0.75, 0.5)
    joins = licensed[rng.random(len(licensed)) < share]
    if not len(joins):
        joins = licensed[:1]
    n = len(joins)
    weekly = rng.random(n) < 0.45
    weekday = rng.integers(0, 5, n)
    # one in eight falls silent some day and stays so
    span = window.end - window.start
    silent = np.where(
        rng.random(n) < 0.125, window.start + (rng.random(n) * span).astype(np.int64), OPEN
    )
    days = np.arange(window.start - 3, window.end)
    open_ = (p.opened[joins, None] <= days) & (p.closed[joins, None] > days)
    working = (days + 3) % 7 < 5
    due = np.where(weekly[:, None], (days + 3) % 7 == weekday[:, None], working)
    due &= open_ & (days < silent[:, None]) & (rng.random((n, len(days))) < 0.93)
    row, column = np.nonzero(due)
    provider, day = joins[row], days[column]
    minute = day * _DAY + 7 * 60 + (rng.random(len(day)) * 11 * 60).astype(np.int64)
    # a message for each age group that the provider takes
    groups = p.capacity[provider] > 0
    at, group = np.nonzero(groups)
    provider, minute = provider[at], minute[at]
    # the places a provider offers a group: a home shares its places out
    most = p.capacity.sum(axis=1)
    offered = np.rint(p.capacity * (p.total / np.maximum(most, 1))[:, None]).astype(np.int64)
    capacity = np.maximum(offered[provider, group], 1)
    enrolled = np.minimum(_enrolled(world, provider, group, minute // _DAY, capacity), capacity)
    m = len(provider)
    licence = held.at(provider, minute // _DAY)
    # for a month after relicensing some still send under the old number
    stale = (minute // _DAY - held.start[licence] < 30) & (world.uniform("old id", provider) < 0.5)
    former = np.maximum(licence - 1, 0)
    licence = np.where(stale & (held.provider[former] == provider), former, licence)
    odd = rng.random(m)
    vacancies = capacity - enrolled
    vacancies = np.where(odd < 0.008, np.minimum(vacancies + 2, capacity), vacancies)
    blank = odd > 0.988
    # most arrive within minutes; one in thirty is held up for hours or days
    slow = rng.random(m) < 0.033
    delay = np.where(slow, rng.exponential(1.6 * _DAY, m), rng.exponential(4, m))
    received = minute + delay.astype(np.int64)
    number = np.arange(m)
    twice = np.flatnonzero(rng.random(m) < 0.015)
    row = np.r_[np.arange(m), twice]
    received = np.r_[received, received[twice] + rng.integers(1, 200, len(twice))]
    order = np.argsort(received, kind="stable")
    row, received = row[order], received[order]
    return {
        "received": received, "number": number[row], "provider": held.ids[licence][row],
        "group": group[row], "as_of": minute[row], "capacity": capacity[row],
        "enrolled": enrolled[row], "vacancies": np.where(blank, -1, vacancies)[row],
    }  # fmt: skip


def _enrolled(world: World, provider, group, day, capacity) -> np.ndarray:
    """Children on the books: about nine tenths of the places, moving slowly, infants fuller;
    never fewer than those whose care is paid for in that month."""
    care: life.Care = world.lives["child_care"].care
    base = 0.80 + 0.2 * world.uniform("how full", provider, group) - 0.04 * group
    drift = 0.10 * (world.uniform("drift", provider, group, day // 28) - 0.5)
    fill = np.clip(base + drift, 0.3, 1.0)
    enrolled = np.floor(capacity * fill + world.uniform("rounding", provider, group, day // 14))
    # paid care by provider, age group and month
    months = life.months_of_age(world.people.dob[care.person], _first_day(care.month))
    key = (care.provider * 4 + life.age_group(months)) * 10_000 + care.month
    found, count = np.unique(key, return_counts=True)
    month = day.astype("M8[D]").astype("M8[M]").astype(np.int64)
    asked = (provider * 4 + group) * 10_000 + month
    at = np.minimum(np.searchsorted(found, asked), max(len(found) - 1, 0))
    paid = np.where(found[at] == asked, count[at], 0) if len(found) else 0
    return np.maximum(enrolled.astype(np.int64), paid)


def _first_day(month: np.ndarray) -> np.ndarray:
    return month.astype("M8[M]").astype("M8[D]").astype(np.int64)


def _lines(m: dict[str, np.ndarray]) -> list[str]:
    """One JSON object a message."""
    minute = m["as_of"]
    clock = np.char.add(np.char.add(digits(minute % _DAY // 60, 2), ":"), digits(minute % 60, 2))
    stamp = np.char.add(np.char.add(text(minute // _DAY), "T"), clock)
    vacancies = np.where(m["vacancies"] < 0, "null", m["vacancies"].astype("U6"))
    return [
        f'{{"message_id":"M{n:010d}","provider_id":"{p}","age_group":"{g}","as_of_ts":"{t}:00",'
        f'"capacity":{c},"enrolled":{e},"vacancies":{v}}}\n'
        for n, p, g, t, c, e, v in zip(
            m["number"].tolist(), m["provider"].tolist(), _GROUP[m["group"]].tolist(),
            stamp.tolist(), m["capacity"].tolist(), m["enrolled"].tolist(), vacancies.tolist(),
            strict=True,
        )
    ]  # fmt: skip
