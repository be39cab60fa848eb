"""Four food pantries' visits of a month in one workbook, made by hand from their four lists.

Sheet `Visits`: two lines of title, a header, a row a visit, and a line with the sum of the
pounds. Each pantry numbers its clients itself, so who goes to two has two numbers. Names are
as the volunteer wrote them, LAST, FIRST or First Last. `Birth` is a date, a bare
number of days where the cell lost its format, a year typed as text, or blank. The columns'
order changes once a year. Nobody ever leaves.
Add here: another pantry. Keep out: who is hungry (lives/hardship.py).
"""

from __future__ import annotations

import datetime
import io

import numpy as np

from orchestration.county.columns import coded, digits, mapped
from orchestration.county.delivery import Desk
from orchestration.county.lives import hardship
from orchestration.county.records import Habits, address_lines, write_down
from orchestration.county.timeline import parts
from orchestration.county.world import World

SITES = ("Eastside", "Grace Hall", "Riverside", "Union Street")
_HABITS = Habits(name_typo=0.03, nickname=0.12, middle_blank=1.0, suffix_kept=0.1,
                 day_month_swap=0.01, dob_digit=0.015, sex_wrong=0.0)  # fmt: skip
# Days between the first day that a workbook counts from and 1970.
_EPOCH = 25_569


def deliver(world: World, desk: Desk) -> None:
    """Write visits_YYYY-MM.xlsx of every delivery."""
    window = world.window
    visits: hardship.Contacts = world.lives["pantry"]
    rng = world.stream("food bank records")
    usual = (world.uniform("pantry", visits.person) * len(SITES)).astype(np.int64)
    site = np.where(visits.place < 0.12, (visits.place * 100).astype(np.int64) % 4, usual)
    pair, first, record = np.unique(
        visits.person * len(SITES) + site, return_index=True, return_inverse=True
    )
    who, where = pair // len(SITES), pair % len(SITES)
    one = write_down(world, who, visits.day[first], _HABITS, "food_bank")
    number = _numbered(where, visits.day[first])
    letter = np.array([name[0] for name in SITES])[where]
    client = np.char.add(np.char.add(letter, "-"), digits(number, 5))
    last, first_name = mapped(one.last, str.title), mapped(one.first, str.title)
    turned = rng.random(len(who)) < 0.2
    names = np.array(
        [
            f"{f} {s}" if t else f"{s.upper()}, {f}"
            for f, s, t in zip(first_name, last, turned, strict=True)
        ],
        dtype=object,
    )
    known = rng.random(len(who))
    birth_year = parts(one.dob)[0]
    zips = coded(address_lines(world, who, world.address_at(who, visits.day[first]),
                               "food_bank")[3])  # fmt: skip
    size = np.bincount(world.people.home[world.people.home >= 0], minlength=len(world.houses))
    home = world.people.home[visits.person]
    household = np.where(home >= 0, np.maximum(size[home], 1), 1)
    pounds = household * 12 + rng.integers(0, 20, len(visits.day))
    for i in range(window.months):
        shown = np.flatnonzero((visits.day <= window.as_of(i)) & (visits.day > window.as_of(i - 1)))
        shown = shown[np.lexsort((record[shown], visits.day[shown], site[shown]))]
        r = record[shown]
        birth = [
            int(one.dob[k]) + _EPOCH
            if known[k] < 0.68
            else (str(int(birth_year[k])) if known[k] < 0.88 else "")
            for k in r.tolist()
        ]
        columns = {
            "Site": np.array(SITES, dtype=object)[site[shown]].tolist(),
            "Client No": client[r].tolist(),
            "Client Name": names[r].tolist(),
            "Birth": birth,
            "ZIP": zips[r].tolist(),
            "Household Size": household[shown].tolist(),
            "Visit Date": (visits.day[shown] + _EPOCH).tolist(),
            "Pounds": pounds[shown].tolist(),
        }
        month = window.folder(i)
        if month.endswith(("-07", "-08", "-09", "-10", "-11", "-12")):
            columns = {k: columns[k] for k in ("Visit Date", *(c for c in columns
                                                               if c != "Visit Date"))}  # fmt: skip
        content = _workbook(columns, f"Food pantries of the county, {month}")
        desk.put_bytes("food_bank", month, f"visits_{month}.xlsx", content, rows=len(shown))
        desk.record("food_bank", client[r], visits.person[shown])


def _numbered(site: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Running numbers within each site, in the order of first visits."""
    order = np.lexsort((day, site))
    starts = np.searchsorted(site[order], np.arange(len(SITES)))
    out = np.empty(len(site), dtype=np.int64)
    out[order] = np.arange(len(site)) - starts[site[order]] + 1
    return out


def _workbook(columns: dict[str, list], heading: str) -> bytes:
    """The workbook's bytes: the same for the same columns, whenever it is made."""
    import xlsxwriter

    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    book.set_properties({"created": datetime.datetime(2025, 1, 1)})
    day = book.add_format({"num_format": "m/d/yyyy"})
    sheet = book.add_worksheet("Visits")
    sheet.write(0, 0, heading)
    sheet.write(1, 0, "Compiled by hand; please keep confidential.")
    rows = len(next(iter(columns.values())))
    for at, (name, values) in enumerate(columns.items()):
        sheet.write(2, at, name)
        for row, value in enumerate(values, start=3):
            if isinstance(value, int):
                dated = name == "Visit Date" or (name == "Birth" and value % 3)
                sheet.write_number(row, at, value, day if dated else None)
            else:
                sheet.write_string(row, at, value)
    sheet.write(3 + rows, 0, "Total")
    sheet.write(3 + rows, list(columns).index("Pounds"), sum(columns["Pounds"]))
    book.close()
    return stream.getvalue()
