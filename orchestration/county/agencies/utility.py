"""The electric utility's accounts: a tab-separated snapshot of each month, open or lately closed.

One message an account, made in the last days of the month; some accounts have an older message
after their newer one, because the billing system sends them again out of order. customer_no
stands for a customer over all accounts; the last four digits of the SSN are asked for at
sign-up. The holder of an account need not live at its premise, and a premise gets a new account
with each household. Accounts closed for a year are no longer delivered.

Codes. status: A active, S shut off, C closed. assistance: Y energy assistance in the season.
Add here: another column of the billing system. Keep out: who holds accounts (lives/utilities.py).
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import coded, digits, mapped
from orchestration.county.delivery import Desk
from orchestration.county.lives import utilities as life
from orchestration.county.records import Habits, address_lines, numbers, open_ledger
from orchestration.county.timeline import OPEN, dates
from orchestration.county.world import World

_HABITS = Habits(name_typo=0.012, nickname=0.04, middle_blank=0.5, middle_initial=0.5,
                 suffix_kept=0.4, ssn_blank=0.3, sex_wrong=0.0, corrected=0.05)  # fmt: skip


def deliver(world: World, desk: Desk) -> None:
    """Write accounts_YYYY-MM.tsv of every delivery."""
    window = world.window
    accounts: life.Accounts = world.lives["utilities"]
    rng = world.stream("utility records")
    n = len(accounts.holder)
    who, at = np.unique(accounts.holder, return_index=True)
    ledger = open_ledger(world, who, accounts.start[at], _HABITS, "utility", twice=0.02)
    record = ledger.record(accounts.holder, accounts.start)
    customer = coded(digits(numbers(world, "utility", len(ledger.person), 10**6, 10**9), 9))
    account = coded(digits(numbers(world, "utility accounts", n, 10**7, 10**10), 10))
    premise = coded(np.char.add("P", digits(accounts.address, 8)))
    lines = [
        coded(c)
        for c in address_lines(world, accounts.address, accounts.address, "utility", errors=0.01)
    ]
    # who is poor pays late: the share of the months in which something is owed
    behind = np.clip(0.75 * accounts.need - 0.12, 0.01, 0.6)
    for i in range(window.months):
        as_of = window.as_of(i)
        shown = np.flatnonzero((accounts.start <= as_of) & (accounts.end > as_of - 365))
        closed = accounts.end[shown] <= as_of
        season = (window.first + i) % 12 in (10, 11, 0, 1, 2)
        draw = world.uniform("arrears", shown, np.full(len(shown), i // 3))
        owes = (draw < behind[shown]) & ~(closed & (draw > 0.02))
        amount = np.where(owes, 40 + (draw / behind[shown] * 700).astype(np.int64), 0)
        off = owes & ~closed & (amount > 520) & ~season
        off_day = as_of - (world.uniform("shut off", shown) * 25).astype(np.int64)
        aid = season & owes & (world.uniform("energy aid", shown) < 0.4)
        said = as_of - rng.integers(0, 3, len(shown))
        again = np.flatnonzero(rng.random(len(shown)) < 0.03)
        # the older message stands after the newer one, and does not know of the arrears yet
        rows = np.concatenate([shown, shown[again]])
        pick = np.concatenate([np.arange(len(shown)), again])
        old = np.arange(len(rows)) >= len(shown)
        order = np.argsort(account.codes[rows] * 2 + old, kind="stable")
        rows, pick, old = rows[order], pick[order], old[order]
        number = record[rows]
        last = np.asarray(ledger.column("last", i, str.upper)[number])
        first = np.asarray(ledger.column("first", i, str.upper)[number])
        middle = np.asarray(ledger.column("middle", i, lambda v: v[:1].upper())[number])
        owed = np.where(old, 0, amount[pick])
        columns = {
            "account_id": account[rows],
            "as_of": dates(np.where(old, said[pick] - 9, said[pick])),
            "customer_no": customer[number],
            "customer_last": last,
            "customer_first": first,
            "customer_mi": middle,
            "ssn_last4": mapped(ledger.column("ssn", i)[number], lambda v: v[-4:]),
            "premise_id": premise[rows],
            "service_street": lines[0][rows],
            "service_unit": lines[1][rows],
            "service_zip": lines[3][rows],
            "start_date": dates(accounts.start[rows]),
            "stop_date": dates(np.where(closed[pick], accounts.end[rows], OPEN)),
            "status": np.where(closed[pick], "C", np.where(off[pick] & ~old, "S", "A")),
            "arrears_usd": owed,
            "shutoff_date": dates(np.where(off[pick] & ~old, off_day[pick], OPEN)),
            "assistance": np.where(aid[pick] & ~old, "Y", "N"),
        }
        month = window.folder(i)
        desk.put("utility", month, f"accounts_{month}.tsv", columns, delimiter="\t")
        desk.record("utility", columns["customer_no"], accounts.holder[rows])
