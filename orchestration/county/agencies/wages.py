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

from orchestration.county.columns import Coded, coded, digits, mapped
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
            name = f"wages_{q // 4}Q{q % 4 + 1}.txt"
            fields, keys, persons = _lines(world, typed, q)
            desk.put_fixed("wages", window.folder(i), name, fields)
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
    first = coded(mapped(one.first, lambda v: _plain(v)[:15]))
    middle = coded(mapped(one.middle, lambda v: v[:1]))
    last = coded(mapped(one.last, lambda v: _plain(v)[:20].strip()))
    ssn = mapped(one.ssn, lambda v: v.zfill(9))
    key = coded(_keys(ssn, first, middle, last))
    # one key must not stand for two persons: such a worker gives the right number
    lowest = np.full(len(key.values), len(world.people))
    np.minimum.at(lowest, key.codes, who)
    clash = lowest[key.codes] != who
    ssn[clash] = world.people.ssn[who[clash]]
    key = coded(_keys(ssn, first, middle, last))
    rng = world.stream("employers")
    n = rows.employers
    account = numbers(world, "employer", n, 10**5, 10**8).astype(np.int64)
    ein = digits(numbers(world, "ein", n, 10**8, 10**9), 9)
    ein = np.where(rng.random(n) < 0.03, "000000000", ein)
    units = np.where(rng.random(n) < 0.12, rng.integers(2, 6, n), 1)
    return {
        "jobs": jobs, "first": first, "middle": middle, "last": last, "ssn": coded(ssn), "key": key,
        "account": account, "ein": ein, "units": units,
    }  # fmt: skip


def _plain(name: str) -> str:
    return name.replace("'", "")


def _keys(*columns: np.ndarray | Coded) -> np.ndarray:
    """What identifies a worker in the file: number and name, with a bar between the fields."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [pa.array(np.asarray(c), type=pa.string()) for c in columns]
    joined = pc.binary_join_element_wise(*texts, "|")
    return joined.to_numpy(zero_copy_only=False)


def _lines(world: World, typed: dict, quarter: int) -> tuple[list, Coded, np.ndarray]:
    """The fields of the lines of a quarter, and whose each line is."""
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
    account = Coded(employer, digits(typed["account"], 10))
    fields = [
        (typed["ssn"][job], 9), (typed["first"][job], 15), (typed["middle"][job], 1),
        (typed["last"][job], 20), (_STATE_CODE, 2), (account, 10),
        (digits(unit, 5), 5), (Coded(employer, typed["ein"]), 9),
        (f"{quarter // 4}{quarter % 4 + 1}", 5), (digits(wage, 10), 10),
    ]  # fmt: skip
    return fields, typed["key"][job], person
