"""Expectation types on how far a load moved from the accepted load before it.

What a file did between accepted loads of the same phase of its year it may do again: columns
that are another each time, ids that come and go, records that are completed. Importing this
module imports Great Expectations. Add here: a rule on a movement. Keep out: the height of a
figure (stability_types), figures (shapes, turnover, repeats), limits (_policy.yml).
"""

from __future__ import annotations

from typing import Any

from orchestration.quality import chance
from orchestration.quality.stability_types import TELLING, Key, Verdict, _NearHistory


class ExpectShapesNearHistory(_NearHistory):
    """`limit` is the total variation distance between the histograms of a column; two thirds of
    it is the share of rows that may lie beyond what any of the loads before had.

    What a column did between accepted loads it may do again, and half as much more: a column
    that names the period is new every time. A date is fine when it keeps either its distance
    from the period (an event) or its place in the calendar (a snapshot's history).
    """

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing: dict[str, dict[str, Any]] = {}
        largest = 0.0
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        for column in self.columns:
            moved = {}
            own = figures[self.load_id].get(("own_cluster", column, ""), 1.0)
            own = max(cluster, min(own, chance.MOST_DISPERSION))
            for kind in ("length", "bucket", "size", "lag", "calendar"):
                key = ("shape", column, kind)
                now, before = figures[self.load_id].get(key), _sum(figures, loads, key)
                usual = _most(figures, [*self.earlier, *told], ("moved", column, kind))
                # What is another every time tells nothing; whether it is, two loads must tell.
                # A load of a few rows has no shape, and one before it is no neighbour.
                near = key in figures[loads[0]]
                if not (now and before and near and usual is not None and usual < 0.5):
                    continue
                by_chance = chance.distance_limit(now, before, self.noise, own)
                moved[kind] = (
                    chance.distance(now, before), max(limit, by_chance, 1.5 * usual * self.steps),
                )  # fmt: skip
                # The months of a file of one period march on.
                marches = kind == "calendar" and not self.latest_only
                outside = 0.0 if marches else self.outside(figures, now, key)
                if outside > max(_OUTSIDE * limit, by_chance):
                    moved[kind] = outside, 0.0
            wrong = {kind: by for kind, (by, allowed) in moved.items() if by > allowed}
            if {"lag", "calendar"} & {*moved} and len(wrong) < len(moved):
                wrong = {}
            if moved:
                largest = max(largest, *(by for by, _ in moved.values()))
            if not wrong:
                wrong = self.far_dates(figures, loads, column, cluster)
            if not wrong:
                wrong = self.zeros(figures, loads, told, column, limit, cluster)
            if not wrong:
                wrong = self.beyond(figures, column, cluster)
            if not wrong:
                wrong = self.stuck(figures, column)
            if wrong:
                kind = max(wrong, key=wrong.__getitem__)
                failing[column] = {"kind": kind, "distance": wrong[kind]}
        return not failing, largest, {"columns": failing, "largest": largest}

    def outside(self, figures: dict, now: dict[str, float], key: Key) -> float:
        """The share of rows beyond what any of the loads before had in a bin; 0 where fewer than
        three of them tell, or the year turns."""
        loads = dict.fromkeys([*self.compared_with, *self.earlier[:TELLING]])
        told = [figures[i][key] for i in loads if figures[i].get(key)]
        if self.turn or len(told) < 3:
            return 0.0
        most: dict[str, float] = {}
        for shape in told:
            rows = sum(shape.values())
            for name, count in shape.items():
                most[name] = max(most.get(name, 0.0), count / rows)
        rows = sum(now.values())
        return sum(max(0.0, n / rows - most.get(name, 0.0)) for name, n in now.items())

    def far_dates(
        self, figures: dict, loads: list[int], column: str, cluster: float
    ) -> dict[str, float]:
        """A decade far from the period that holds many more dates than before: a default."""
        key = ("shape", column, "calendar")
        now, before = figures[self.load_id].get(key), _sum(figures, loads, key)
        if not now or not before:
            return {}
        n, m = sum(now.values()), sum(before.values())
        for decade, count in now.items():
            then = before.get(decade, 0.0)
            usual = n * then / m
            allowed = max(_FAR, chance.count_limit(usual, self.noise, cluster) / n)
            new = decade.endswith("s") and then / m < _RARE
            if new and count / n - then / m > allowed:
                return {"far": count / n - then / m}
        return {}

    def zeros(
        self, figures: dict, loads: list[int], told: list[int], column: str, limit: float,
        cluster: float,
    ) -> dict[str, float]:  # fmt: skip
        """Amounts that are 0 where they were not: a number that is no longer filled."""
        key = ("shape", column, "size")
        now = figures[self.load_id].get(key)
        past = [h for i in dict.fromkeys([*loads, *told[:TELLING]]) if (h := figures[i].get(key))]
        if not now or len(past) < 2:
            return {}
        n, zero = sum(now.values()), now.get("0", 0.0)
        shares = [h.get("0", 0.0) / sum(h.values()) for h in past]
        most = max(shares)
        by_chance = chance.count_limit(most * n, self.noise, cluster) / n
        more = zero / n - most
        spread = most - min(shares)
        return {"zero": more} if more > max(_ZEROS * limit, by_chance) + spread else {}

    def beyond(self, figures: dict, column: str, cluster: float) -> dict[str, float]:
        """Amounts well above the largest of every load before: another unit."""
        key = ("shape", column, "size")
        now = figures[self.load_id].get(key)
        loads = dict.fromkeys([*self.compared_with, *self.earlier[:TELLING]])
        told = [shape for i in loads if (shape := figures[i].get(key))]
        if not now or len(told) < 3:
            return {}
        # A minus stands for a negative amount, or for one below 1: neither is large.
        largest = max((int(o) for shape in told for o in shape if o.isdigit()), default=None)
        if largest is None:
            return {}
        rows = sum(now.values())
        above = sum(n for o, n in now.items() if o.isdigit() and int(o) > largest + _ABOVE)
        allowed = max(_BEYOND, chance.count_limit(0.0, self.noise, cluster) / rows)
        return {"beyond": above / rows} if above / rows > allowed else {}

    def stuck(self, figures: dict, column: str) -> dict[str, float]:
        """A column of one value, another each time, that is not: the period of the load before."""
        key = ("same_value", column, "")
        loads = dict.fromkeys([*self.compared_with, *self.earlier])
        told = [figures[i][key] for i in loads if key in figures[i]]
        if figures[self.load_id].get(key) and len(told) >= 2 and not any(told):
            return {"stuck": 1.0}
        return {}


# Of the limit of a distance, for rows beyond what any load before had: that is more than a
# distance from their mean. In 8,000 columns of good loads (20,000 persons, 24 months) the
# thousandth largest share was 0.05 (2026-11-25).
_OUTSIDE = 2 / 3
# Of the limit of a distance, for the share of zeros that come on top of the most before: as many
# points as a column may become emptier by (2026-11-25).
_ZEROS = 1 / 3
# Half-octaves above the largest amount of any load before: 2.8 times it. One in fifty rows there
# is no raise and no rich newcomer (2026-11-25).
_ABOVE, _BEYOND = 3, 0.02
# A far decade that was rare and has now this share is a default: nobody is born in a month. One
# that was not rare may be how the source writes an open end, which comes and goes (2026-11-25).
_RARE, _FAR = 0.02, 0.10


def _sum(figures: dict, loads: list[int], key: Key) -> dict[str, float]:
    """One histogram of several loads."""
    found: dict[str, float] = {}
    for load in loads:
        for name, count in (figures[load].get(key) or {}).items():
            found[name] = found.get(name, 0.0) + count
    return found


def _most(figures: dict, loads: list[int], key: Key) -> float | None:
    """The largest of a figure in these loads; None when none has it."""
    return max((figures[i][key] for i in loads if key in figures[i]), default=None)


# Persons of a family that come and go together, on average (2026-11-25, the county's benefits).
_FAMILY = 2.0
# Of a caseload most are there again; of events a quarter and more of the persons are others each
# time (2026-11-25, the county's benefits and clinics).
_EVENTS = 0.25


class ExpectTurnoverNearHistory(_NearHistory):
    """`limit` is the change of the share of ids that are new, or that have gone, since the load
    before. Nobody new and nobody gone, where there always were, is last month's file again.

    A month with few events has few persons, and in the next most are then new: in a file of
    events it is enough that the ids of both are as many of one population as before (Lincoln's
    index: ids of both periods over the product of their counts).
    """

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing = {}
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        for column in self.columns:
            now = _turnover(figures[self.load_id], column)
            before = [t for i in told if (t := _turnover(figures[i], column))]
            if now is None or not before:
                continue
            kept, both = now["kept"]
            pairs = sum(t["kept"][1] for t in before)
            drawn = both * sum(t["kept"][0] for t in before) / pairs if pairs else 0.0
            expected = 0.0
            for kind in ("new", "gone"):
                part, whole = now[kind]
                rates = [t[kind][0] / t[kind][1] for t in before if t[kind][1]]
                wholes = sum(t[kind][1] for t in before)
                if not whole or not rates:
                    continue
                usual = sum(t[kind][0] for t in before) / wholes
                usual = 1 - (1 - usual) ** self.steps
                expected += whole * usual
                if kind == "gone" and self.latest_only:
                    continue  # ids_carried_over judges it, and knows the window of the file
                by_chance = chance.share_limit(
                    part, whole, usual * wholes, wholes, self.noise, cluster
                )
                # What it did between accepted loads it may do again.
                allowed = max(limit, by_chance) + max(rates) - min(rates)
                change = part / whole - usual
                if not self.latest_only and pairs and usual >= _EVENTS:
                    change = min(change, (drawn - kept) / whole, key=abs)
                # A turn in which less happens than in the one before is no fault.
                if change > allowed or (change < -allowed and not self.turn):
                    failing[column] = {"kind": kind, "now": part / whole, "change": change}
            still = not now["new"][0] and not now["gone"][0]
            # Ids, not rows, so that only families come and go together; exp(-7) is 1 in 1,000.
            if still and expected / min(cluster, _FAMILY) >= 7:
                failing[column] = {"kind": "changed", "now": 0.0, "change": -expected}
        return not failing, len(failing), {"columns": failing}


def _turnover(figures: dict, column: str) -> dict[str, tuple[float, float]] | None:
    """{new: (new ids, ids), gone: (ids gone, ids before), kept: (ids of both, ids times ids
    before)} of a load; None where unknown."""
    ids = figures.get(("ids", column, ""))
    before = figures.get(("previous_ids", column, ""))
    kept = figures.get(("kept_ids", column, ""))
    if ids is None or before is None or kept is None:
        return None
    return {"new": (ids - kept, ids), "gone": (before - kept, before), "kept": (kept, ids * before)}


# Ends are entered in waves, which complete records that were open; a change of what was there is
# judged at the limit itself (2026-11-25).
_COMPLETED = 3


class ExpectRecordsToBeKept(_NearHistory):
    """`limit` is by how much the share of records whose column was restated since the load
    before may exceed what is usual for it. A value where there was none is no restatement;
    how many records may be completed is three times that."""

    def against(self, figures: dict, loads: list[int], told: list[int], limit: float) -> Verdict:
        failing = {}
        all_compared = ("compared", "", "")
        compared = figures[self.load_id].get(all_compared, 0.0)
        told = [i for i in told if figures[i].get(all_compared)]
        before = sum(figures[i][all_compared] for i in told)
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        for kind, times in (("restated", 1), ("completed", _COMPLETED)):
            for column in self.columns if compared and before else ():
                key = (kind, column, "")
                now, usual = figures[self.load_id].get(key), [figures[i].get(key) for i in told]
                if now is None or None in usual or column in failing:
                    continue
                expected = compared * sum(usual) / before
                by_chance = chance.count_limit(expected, self.noise, cluster) / compared
                shares = [u / figures[i][all_compared] for u, i in zip(usual, told, strict=True)]
                most = 1 - (1 - max(shares)) ** self.steps
                if now / compared - most > max(times * limit, by_chance):
                    failing[column] = {
                        "kind": kind, "now": now / compared, "before": sum(usual) / before,
                    }  # fmt: skip
        return not failing, len(failing), {"rows": compared, "columns": failing}


class ExpectRowsToBeNew(_NearHistory):
    """`limit` is the share, of the rows that usually change from period to period, which have
    not: nearly all of them is the file of the period before."""

    def judge(self, figures: dict) -> Verdict:
        keys = ("rows_compared", "", ""), ("rows_repeated", "", "")
        now = [figures[self.load_id].get(key) for key in keys]
        told = [[figures[i][key] for key in keys] for i in self.earlier if keys[0] in figures[i]]
        rows = sum(compared for compared, _ in told)
        if not now[0] or not rows:
            return True, None, {"rows": now[0] or 0, "new": 0, "expected": 0}
        cluster = min(self.cluster(figures), chance.MOST_DISPERSION)
        expected = now[0] * (1 - sum(repeated for _, repeated in told) / rows)
        new = now[0] - (now[1] or 0.0)
        lacking = expected - new
        allowed = max(self.limit * expected, chance.count_limit(expected, self.noise, cluster))
        met = lacking <= allowed
        return met, new, {"rows": now[0], "new": new, "expected": expected}
