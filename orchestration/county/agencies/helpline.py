"""The county's helpline: one CSV of the month's calls, made by the call centre's software.

More than half of the callers give no name. Who does, gets a reference that the operator makes
up from three letters of the surname, the initial and the year of birth (SMIJ85), so that two
people can share one and a caller can have two. Age is free text. No address but a ZIP, no
number, no exit.

Codes. need: FOOD, RENT, UTIL, SHEL, HLTH, CHLD, LEGL, TRAN, OTHR. outcome: R referred,
I information only, U need unmet, D disconnected. for_whom: S self, F family, O other.
Add here: what else operators write down. Keep out: who calls (lives/hardship.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import Coded, coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.records import Habits, address_lines, numbers, write_down
from orchestration.county.timeline import age_on, parts, text
from orchestration.county.world import World

NEEDS = ("FOOD", "RENT", "UTIL", "SHEL", "HLTH", "CHLD", "LEGL", "TRAN", "OTHR")
_SHARES = (0.26, 0.22, 0.18, 0.1, 0.07, 0.06, 0.03, 0.03, 0.05)
_REFERRED = ("FOOD BANK", "RENT FUND", "UTILITY HELP", "SHELTER LINE", "CLINIC", "CHILD CARE",
             "LEGAL AID", "RIDES", "NONE")  # fmt: skip
_HABITS = Habits(name_typo=0.05, nickname=0.2, middle_blank=1.0, suffix_kept=0.0,
                 old_surname=0.04, sex_wrong=0.0, dob_digit=0.02)  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write contacts_YYYY-MM.csv of every delivery."""
    window, calls = world.window, world.lives["helpline"]
    rng = world.stream("helpline records")
    n = len(calls.day)
    one = write_down(world, calls.person, calls.day, _HABITS, "helpline")
    named = rng.random(n) < 0.42
    last, first = coded(one.last), coded(one.first)
    short = last.map(lambda v: v.replace(" ", "").replace("-", "").replace("'", "")[:3])
    initial = first.map(lambda v: v[:1])
    year = digits(parts(one.dob)[0] % 100, 2)
    references = np.char.add(
        np.char.add(np.asarray(short).astype("U3"), np.asarray(initial).astype("U1")), year
    )
    references = np.where(named, references, "")
    names = np.array(
        [f"{f.title()} {s.title()}" if k else "" for f, s, k in zip(first, last, named.tolist(),
                                                                     strict=True)],
        dtype=object,
    )  # fmt: skip
    age = age_on(one.dob, calls.day)
    loose = rng.random(n)
    ages = np.select(
        [loose < 0.35, loose < 0.75, loose < 0.85],
        ["", age.astype("U3"), np.char.add((age // 10 * 10).astype("U3"), "s")],
        np.char.add("abt ", (np.round(age / 5) * 5).astype(np.int64).astype("U3")),
    )
    need = rng.choice(len(NEEDS), n, p=_SHARES)
    outcome = np.where(named, "R", np.array(["R", "I", "U", "D"])[rng.choice(4, n, p=(
        0.5, 0.25, 0.15, 0.1))])  # fmt: skip
    whom = np.array(["S", "F", "O"])[rng.choice(3, n, p=(0.78, 0.16, 0.06))]
    zips = coded(address_lines(world, calls.person, world.address_at(calls.person, calls.day),
                               "helpline")[3])  # fmt: skip
    contact = np.char.add("C", digits(numbers(world, "helpline", n, 10**5, 10**8), 8))
    minute = rng.integers(7 * 60, 21 * 60, n)
    clock = np.char.add(np.char.add(digits(minute // 60, 2), ":"), digits(minute % 60, 2))
    for i in range(window.months):
        shown = np.flatnonzero((calls.day <= window.as_of(i)) & (calls.day > window.as_of(i - 1)))
        shown = shown[np.lexsort((minute[shown], calls.day[shown]))]
        columns = {
            "contact_id": contact[shown],
            "call_dttm": np.char.add(np.char.add(text(calls.day[shown]), " "), clock[shown]),
            "client_ref": references[shown],
            "caller_name": names[shown],
            "caller_age": ages[shown],
            "caller_zip": zips[shown],
            "for_whom": whom[shown],
            "need": Coded(need[shown], NEEDS),
            "referred_to": Coded(np.where(outcome[shown] == "R", need[shown], 8), _REFERRED),
            "outcome": outcome[shown],
        }
        month = window.folder(i)
        desk.put("helpline", month, f"contacts_{month}.csv", columns)
        known = named[shown]
        desk.record("helpline", references[shown][known], calls.person[shown][known])
