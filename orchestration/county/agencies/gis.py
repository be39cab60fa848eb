"""The county's address points, with the census tract of each: the geocoder's table.

Delivered in the first folder and again when streets were added. use_code: R residential,
G group quarters, I institution. Add here: other layers of the GIS office. Keep out: residents.
"""

from __future__ import annotations

import numpy as np

from orchestration.county.columns import coded, digits
from orchestration.county.delivery import Desk
from orchestration.county.world import World


def deliver(world: World, desk: Desk) -> None:
    """Write address_points.csv, first and whenever it changed."""
    a, window = world.addresses, world.window
    n = len(a.number)
    ids = np.char.add("AP", digits(100_001 + np.arange(n), 8))
    columns = {
        "address_point_id": ids,
        "house_number": a.number,
        "street_name": a.street,
        "unit": a.unit,
        "city": a.city,
        "zip": a.zip,
        "tract_geoid": a.geoid,
        "use_code": a.use,
    }
    columns = {k: coded(v) for k, v in columns.items()}
    updates = [0, *range(2 if window.months > 2 else 1, window.months, 3)]
    # new dwellings are on the map from the second delivery on
    new = (np.arange(n) >= a.homes - a.new_homes) & (np.arange(n) < a.homes)
    for i in updates:
        there = ~new | (i > 0)
        desk.put(
            "gis", window.folder(i), "address_points.csv",
            {k: v[there] for k, v in columns.items()},
        )  # fmt: skip
