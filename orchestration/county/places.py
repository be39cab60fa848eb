"""The county's ground: real tracts, made-up towns, streets and addresses.

The tracts are 24 neighbouring 2020 census tracts of New Castle County, Delaware (GEOID,
households and share of persons below 150 % of poverty as in CDC/ATSDR SVI 2020), so that
joins with ACS and SVI are real joins. Town names, streets and the ZIP of a tract are made up
(the ZIPs are real ones of the county).
Add here: another kind of address. Keep out: who lives there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# geoid, ZIP, households, share of persons below 150 % of poverty (percent)
TRACTS = (
    ("10003000200", "19802", 2299, 13.8),
    ("10003000300", "19802", 1128, 52.6),
    ("10003000400", "19802", 1632, 27.8),
    ("10003000500", "19802", 1307, 27.7),
    ("10003000601", "19802", 942, 42.2),
    ("10003000602", "19802", 1131, 46.9),
    ("10003000900", "19801", 901, 48.9),
    ("10003001100", "19806", 2304, 18.8),
    ("10003001200", "19806", 891, 8.0),
    ("10003001300", "19806", 1628, 3.8),
    ("10003001400", "19806", 896, 31.5),
    ("10003001500", "19805", 1019, 42.2),
    ("10003001600", "19801", 855, 45.8),
    ("10003001902", "19801", 928, 37.9),
    ("10003002100", "19801", 836, 64.2),
    ("10003002200", "19805", 737, 51.4),
    ("10003002300", "19805", 972, 38.1),
    ("10003002400", "19805", 1923, 40.9),
    ("10003002500", "19805", 1471, 28.4),
    ("10003002600", "19805", 1449, 40.5),
    ("10003002700", "19805", 1106, 29.9),
    ("10003002800", "19801", 1136, 24.3),
    ("10003002900", "19801", 1597, 55.3),
    ("10003003002", "19801", 620, 57.7),
)
TOWNS = {
    "19801": "Portham",
    "19802": "Brandy Hill",
    "19805": "Westmarch",
    "19806": "Highfield",
}
STATE = "DE"
COUNTY_CODE = "003"

_UNITS = np.array([1, 2, 4, 8, 12])
_UNIT_SHARES = np.array([0.86, 0.05, 0.04, 0.03, 0.02])
_PREFIXES = ("", "OLD ", "UPPER ", "LOWER ", "NEW ", "GREAT ", "LITTLE ", "FAR ", "LONG ")


@dataclass
class Addresses:
    """All address points, one row each; the first `homes` rows are residential.

    number, street, unit, city, zip: text in capitals; tract: index into TRACTS;
    use: R residential, G group quarters, I institution. named: institution -> row.
    The last `new_homes` of the homes are built during the window.
    """

    number: np.ndarray
    street: np.ndarray
    unit: np.ndarray
    city: np.ndarray
    zip: np.ndarray
    tract: np.ndarray
    use: np.ndarray
    homes: int
    new_homes: int
    named: dict[str, int]

    @cached_property
    def line(self) -> np.ndarray:
        """House number and street of each address."""
        pairs = zip(self.number.tolist(), self.street.tolist(), strict=True)
        return np.array([f"{number} {street}" for number, street in pairs], dtype=object)

    @property
    def geoid(self) -> np.ndarray:
        """The tract of each address as its 11-digit GEOID."""
        return np.array([t[0] for t in TRACTS])[self.tract]

    @property
    def poverty(self) -> np.ndarray:
        """The share of persons below 150 % of poverty in each address's tract (percent)."""
        return np.array([t[3] for t in TRACTS])[self.tract]


def build(
    count: int, streets: np.ndarray, named: list[tuple[str, str]], rng: np.random.Generator
) -> Addresses:
    """`count` homes on streets that each lie in one tract, and the named institutions.

    streets: clean street names in capitals; named: (name, use code G or I).
    """
    sizes = rng.choice(_UNITS, size=count, p=_UNIT_SHARES)
    ends = np.cumsum(sizes)
    buildings = int(np.searchsorted(ends, count)) + 1
    sizes = sizes[:buildings].copy()
    sizes[-1] -= int(ends[buildings - 1]) - count
    per_street = max(18, -(-buildings // (len(streets) * len(_PREFIXES))))
    street_of = np.arange(buildings) // per_street
    n_streets = int(street_of[-1]) + 1
    order = rng.permutation(len(streets))
    names = np.array(
        [_PREFIXES[k // len(streets)] + streets[order[k % len(streets)]] for k in range(n_streets)],
        dtype=object,
    )
    shares = np.cumsum([t[2] for t in TRACTS]) / sum(t[2] for t in TRACTS)
    tract_of_street = np.searchsorted(shares, (np.arange(n_streets) + 0.5) / n_streets)
    first_number = rng.integers(1, 60, size=n_streets) * 100
    number = first_number[street_of] + (np.arange(buildings) % per_street) * 2
    number = number + 1 + rng.integers(0, 2, size=buildings)
    # one building has one way to name its units
    lettered = rng.random(buildings) < 0.4
    word = np.where(sizes == 2, "UNIT ", "APT ")
    building = np.repeat(np.arange(buildings), sizes)
    place = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    letters = np.array(list("ABCDEFGHIJKL"))[place % 12]
    label = np.where(lettered[building], letters, (place + 1).astype("U3"))
    unit = np.where(sizes[building] > 1, np.char.add(word[building], label), "")
    tract = tract_of_street[street_of[building]]

    extra = len(named)
    extra_tract = (np.arange(extra) * 7 + 3) % len(TRACTS)
    extra_street = np.array(
        [names[np.flatnonzero(tract_of_street == t)[0]] if (tract_of_street == t).any() else
         names[0] for t in extra_tract],
        dtype=object,
    )  # fmt: skip
    zips = np.array([t[1] for t in TRACTS])
    all_tract = np.concatenate([tract, extra_tract]).astype(np.int64)
    all_zip = zips[all_tract]
    return Addresses(
        number=np.concatenate([number[building], 9001 + 2 * np.arange(extra)]).astype("U6"),
        street=np.concatenate([names[street_of[building]], extra_street]),
        unit=np.concatenate([unit, np.full(extra, "")]).astype(object),
        city=np.array([TOWNS[z].upper() for z in all_zip.tolist()], dtype=object),
        zip=all_zip,
        tract=all_tract,
        use=np.concatenate([np.full(count, "R"), np.array([u for _, u in named], dtype="U1")]),
        homes=count,
        new_homes=max(6, count // 200),
        named={name: count + i for i, (name, _) in enumerate(named)},
    )
