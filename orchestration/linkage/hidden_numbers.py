"""How many links would be found without the social security number: an estimate of recall.

Two records of two sources with one valid number and one given name are one person. The number is
hidden in one of them and everything is linked again: the share that is found again is the recall
for records without a number, from nothing but the records themselves. Add here: another way to
hide what is known. Keep out: a truth.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from orchestration.linkage import engine, records

if TYPE_CHECKING:
    import pandas
    import psycopg
    import pyarrow

    from orchestration.linkage.model import Model

# Numbers hidden at most: enough for an interval of a tenth of a point, and a small part of a
# large population, so that the links of everybody else stay as they are.
MOST = 20_000


def recovered(connection: psycopg.Connection, model: Model) -> pandas.DataFrame:
    """One row per hidden record: source_system, source_person_key, other_system, found.

    Links every record once more in memory, which costs what a run's engine costs.
    """
    import pandas

    table = records.read(connection)
    chosen = _chosen(table)
    if chosen.empty:
        return pandas.DataFrame(
            columns=["source_system", "source_person_key", "other_system", "found"]
        )
    key = _keys(table)
    hidden = set(zip(chosen["source_system"], chosen["source_person_key"], strict=True))
    cluster = engine.link_records(_without_number(table, [k in hidden for k in key]), model).cluster
    of: dict[tuple[str, str], set[int]] = {}
    for own, number in zip(key, cluster.tolist(), strict=True):
        of.setdefault(own, set()).add(number)
    found = [
        bool(of[row.source_system, row.source_person_key] & of[row.other_system, row.other_key])
        for row in chosen.itertuples()
    ]
    return chosen.assign(found=found).drop(columns="other_key")


def _chosen(table: pyarrow.Table) -> pandas.DataFrame:
    """One record to hide for each number that two sources have under one given name, and one
    that keeps it; which is which is drawn by a hash, and is the same in every run."""
    import pandas

    frame = table.select(
        ["source_system", "source_person_key", "first_name", "ssn"]
    ).to_pandas().dropna()  # fmt: skip
    frame["first_name"] = frame["first_name"].str.replace("[^A-Z]", "", regex=True)
    frame = frame[
        (frame["first_name"].str.len() > 1)
        & ~frame["first_name"].isin(records.NOT_A_FIRST_NAME)
        & (frame.groupby("ssn")["first_name"].transform("nunique") == 1)
    ].drop_duplicates(["ssn", "source_system", "source_person_key"])
    # a key with two numbers would keep one
    frame = frame[~frame.duplicated(["source_system", "source_person_key"], keep=False)]
    frame = frame[frame.groupby("ssn")["source_system"].transform("nunique") > 1]
    frame["draw"] = [
        sha256(f"{system}|{key}".encode()).hexdigest()
        for system, key in zip(frame["source_system"], frame["source_person_key"], strict=True)
    ]
    frame = frame.sort_values("draw")
    first = frame.drop_duplicates("ssn")
    pair = first.merge(
        frame[["ssn", "source_system", "source_person_key"]], on="ssn", suffixes=("", "_other")
    )
    pair = pair[pair["source_system"] != pair["source_system_other"]].drop_duplicates("ssn")
    pair = pair.head(MOST).rename(
        columns={"source_system_other": "other_system", "source_person_key_other": "other_key"}
    )
    return pandas.DataFrame(
        pair[["source_system", "source_person_key", "other_system", "other_key"]]
    ).reset_index(drop=True)


def _keys(table: pyarrow.Table) -> list[tuple[str, str]]:
    return list(
        zip(table["source_system"].to_pylist(), table["source_person_key"].to_pylist(), strict=True)
    )


def _without_number(table: pyarrow.Table, hide: list[bool]) -> pyarrow.Table:
    import pyarrow
    import pyarrow.compute as compute

    mask = pyarrow.array(hide)
    nothing = pyarrow.scalar(None, pyarrow.string())
    for column in ("ssn", "ssn_last4"):
        kept = compute.if_else(mask, nothing, table[column])
        table = table.set_column(table.schema.get_field_index(column), column, kept)
    return table
