"""Where the fields of the IJE mortality record stand: name -> first position and length, from 1.

The Inter-Jurisdictional Exchange record of NCHS and NAPHSIS has 5,000 characters. Positions as
in public implementations of the record (the VRDR reference library and MMRIA's IJE reader); the
registry cuts its lines after the last field it fills, the middle name, as many do.
Add here: another field of the record. Keep out: values.
"""

from __future__ import annotations

import io

import numpy as np

from orchestration.county.columns import Columns, write_fixed

MORTALITY: dict[str, tuple[int, int]] = {
    "DOD_YR": (1, 4), "DSTATE": (5, 2), "FILENO": (7, 6), "VOID": (13, 1), "GNAME": (27, 50),
    "MNAME": (77, 1), "LNAME": (78, 50), "SUFF": (128, 10), "SEX": (189, 1), "SSN": (191, 9),
    "AGETYPE": (200, 1), "AGE": (201, 3), "DOB_YR": (205, 4), "DOB_MO": (209, 2),
    "DOB_DY": (211, 2), "COUNTYC": (222, 3), "STATEC": (225, 2), "MARITAL": (230, 1),
    "DOD_MO": (237, 2), "DOD_DY": (239, 2), "DETHNIC1": (247, 1), "DETHNIC2": (248, 1),
    "DETHNIC3": (249, 1), "DETHNIC4": (250, 1),
    **{f"RACE{k}": (270 + k, 1) for k in range(1, 16)},
    "BCNO": (661, 6), "IDOB_YR": (667, 4), "BSTATE": (671, 2), "DOR_YR": (689, 4),
    "DOR_MO": (693, 2), "DOR_DY": (695, 2), "MANNER": (701, 1), "ACME_UC": (710, 5),
    "STNUM_R": (1485, 10), "STNAME_R": (1505, 28), "STDESIG_R": (1533, 10),
    "UNITNUM_R": (1553, 7), "CITYTEXT_R": (1560, 28), "ZIP9_R": (1588, 9), "DMIDDLE": (1808, 50),
}  # fmt: skip


def lines(columns: Columns) -> np.ndarray:
    """The records as a matrix of bytes, one line a row, its newline included.

    Text longer than its field is cut, as the registry's software does.
    """
    fields, at = [], 1
    for name, (start, length) in sorted(MORTALITY.items(), key=lambda field: field[1]):
        if start > at:
            fields.append((" ", start - at))
        fields.append((np.asarray(columns[name]).astype(f"U{length}"), length))
        at = start + length
    file = io.BytesIO()
    rows = write_fixed(file.write, fields)
    return np.frombuffer(file.getvalue(), dtype=np.uint8).reshape(rows, at)
