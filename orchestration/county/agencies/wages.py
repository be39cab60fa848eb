"""Quarterly wages of the unemployment insurance agency, fixed width, in the layout of the
Census Bureau's LEHD programme.

One line per worker, employer and quarter (sometimes several): SSN 1-9, first name 10-24,
middle initial 25, last name 26-45, state 46-47, employer account 48-57, reporting unit 58-62,
EIN 63-71, year 72-75, quarter 76, wage in whole dollars 77-86. A quarter arrives one quarter
late: the January folder holds July to September; the first folder also the two quarters before.
Quirks: no birth date or sex, several names per SSN, another's SSN, units and EINs of zeros,
wages of zero and below.
Add here: employers, claims. Keep out: jobs that are not insured.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.delivery import Desk
from orchestration.county.lives import work as life
from orchestration.county.records import Habits, numbers, write_down
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.011, nickname=0.015, middle_blank=0.3, middle_initial=1.0,
                 suffix_kept=0.0, ssn_digit=0.004, ssn_borrowed=0.002, old_surname=0.06,
                 double_surname=0.3)  # fmt: skip
_STATE_CODE = "10"


def deliver(world: World, desk: Desk) -> None:
    """Write one wages_YYYYQn.txt per quarter that is due."""
    window = world.window
    typed = _recorded(world)
    for i in range(window.months):
        month = window.first + i
        quarter = (month // 12 + 1970) * 4 + month % 12 // 3
        if i == 0:
            due = [quarter - 4, quarter - 3, quarter - 2]
        elif month % 3 == 0:
            due = [quarter - 2]
        else:
            continue
        for q in due:
            lines, keys, persons = _lines(world, typed, q)
            name = f"wages_{q // 4}Q{q % 4 + 1}.txt"
            content = ("\n".join(lines) + "\n").encode("ascii")
            desk.put_bytes("wages", window.folder(i), name, content, rows=len(lines))
            desk.record("wages", keys, persons)


def _recorded(world: World) -> dict:
    """What each employer typed about each worker: drawn once per job."""
    rows: life.Work = world.lives["work"]
    jobs, at = np.unique(rows.job, return_index=True)
    who = rows.person[at]
    began = life.quarter_start(rows.quarter[at])
    # people keep what they said at their other jobs: most errors are the person's own
    first_job = np.searchsorted(jobs, jobs)
    order = np.lexsort((jobs, who))
    same = np.r_[False, who[order][1:] == who[order][:-1]]
    first_job[order] = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    first_job = order[first_job]
    one = write_down(world, who, began, _HABITS, "wages")
    copies = world.uniform("same papers", jobs) < 0.8
    source = np.where(copies, first_job, np.arange(len(jobs)))
    stale = world.people.renamed[who] <= began
    source = np.where(stale & (world.people.renamed[who] > began[first_job]),
                      np.arange(len(jobs)), source)  # fmt: skip
    one = one.take(source)
    first = np.array([_plain(v)[:15] for v in one.first.tolist()], dtype=object)
    middle = np.array([v[:1] for v in one.middle.tolist()], dtype=object)
    last = np.array([_plain(v)[:20].strip() for v in one.last.tolist()], dtype=object)
    ssn = np.array([v.zfill(9) for v in one.ssn.tolist()], dtype=object)
    key = np.array(
        [f"{s}|{f}|{m}|{n}" for s, f, m, n in zip(ssn, first, middle, last, strict=True)],
        dtype=object,
    )
    # one key must not stand for two persons: such a worker gives the right number
    _, inverse = np.unique(key.astype("U60"), return_inverse=True)
    lowest = np.full(inverse.max() + 1, 10**9)
    np.minimum.at(lowest, inverse, who)
    clash = lowest[inverse] != who
    ssn[clash] = world.people.ssn[who[clash]]
    key[clash] = [
        f"{s}|{f}|{m}|{n}"
        for s, f, m, n in zip(ssn[clash], first[clash], middle[clash], last[clash], strict=True)
    ]
    rng = world.stream("employers")
    n = rows.employers
    account = np.char.zfill(numbers(world, "employer", n, 10**5, 10**8), 10)
    ein = np.char.zfill(numbers(world, "ein", n, 10**8, 10**9), 9)
    ein = np.where(rng.random(n) < 0.03, "000000000", ein)
    units = np.where(rng.random(n) < 0.12, rng.integers(2, 6, n), 1)
    return {
        "jobs": jobs, "first": first, "middle": middle, "last": last, "ssn": ssn, "key": key,
        "account": account, "ein": ein, "units": units,
    }  # fmt: skip


def _plain(name: str) -> str:
    return name.replace("'", "")


def _lines(world: World, typed: dict, quarter: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    rows: life.Work = world.lives["work"]
    pick = np.flatnonzero(rows.quarter == quarter)
    rng = world.stream(f"wage lines {quarter}")
    job = np.searchsorted(typed["jobs"], rows.job[pick])
    employer, wage, person = rows.employer[pick], rows.wage[pick].copy(), rows.person[pick]
    odd = rng.random(len(pick))
    wage = np.where(odd < 0.0015, 0, np.where(odd < 0.0022, -(wage // 8), wage))
    units = typed["units"][employer]
    unit = np.where(units > 1, 1 + rows.job[pick] % units, 0)
    # pay split over two units of one employer
    split = np.flatnonzero((units > 1) & (rng.random(len(pick)) < 0.05) & (wage > 500))
    part = (wage[split] * 0.4).astype(np.int64)
    wage[split] -= part
    job = np.concatenate([job, job[split]])
    employer = np.concatenate([employer, employer[split]])
    unit = np.concatenate([unit, unit[split] % units[split] + 1])
    wage = np.concatenate([wage, part])
    person = np.concatenate([person, person[split]])
    order = np.lexsort((wage, unit, job, typed["account"][employer]))
    job, employer, unit, wage, person = (x[order] for x in (job, employer, unit, wage, person))
    tail = f"{quarter // 4}{quarter % 4 + 1}"
    lines = [
        f"{s:9}{f:15}{m:1}{n:20}{_STATE_CODE}{a}{u:05d}{e}{tail}{w:010d}"
        for s, f, m, n, a, u, e, w in zip(
            typed["ssn"][job].tolist(), typed["first"][job].tolist(),
            typed["middle"][job].tolist(), typed["last"][job].tolist(),
            typed["account"][employer].tolist(), unit.tolist(),
            typed["ein"][employer].tolist(), wage.tolist(), strict=True,
        )
    ]  # fmt: skip
    return lines, typed["key"][job], person
