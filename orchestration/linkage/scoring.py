"""How good the links are: pairs of source records against a truth. Alone in reading one.

Add here: a measure against a truth. Keep out: anything the linkage itself could use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import warehouse
from orchestration.errors import LifecourseError, UsageError

if TYPE_CHECKING:
    import numpy
    import pandas

    from orchestration.settings import Settings


def score(settings: Settings, truth_dir: Path) -> dict:
    """Pairwise precision, recall and F1 of the open crosswalk against truth_dir/records.csv.

    truth_dir: the folder of the truth files, or the county's, which holds it as `truth`.
    Over the source records that are in both. A pair is two source records; a true pair has
    one person in the truth, a found pair one person_id. Keys of the result: precision,
    recall, f1; n_records, n_persons (true), n_person_ids; true_pairs, found_pairs,
    correct_pairs; split_persons (a true person with several ids), mixed_person_ids (an id
    with several true persons); not_in_crosswalk (truth records linkage never saw);
    by_source: the same figures for each pair of source systems, 'a|b'; split_by_race: split_rates
    by race and ethnicity, None where the truth has no persons.csv that tells it.

    Raises UsageError when there is no records.csv, LifecourseError before the first run.
    """
    import pandas

    truth = pandas.DataFrame(
        [(*key, person) for key, person in persons(truth_dir).items()],
        columns=["source_system", "source_person_key", "person"],
    )
    with warehouse.connect(settings) as connection:
        if not connection.execute("select to_regclass('linkage.crosswalk')").fetchone()[0]:
            raise LifecourseError("Nothing is linked yet; run the pipeline first (lifecourse run).")
        rows = connection.execute(
            "select source_system, source_person_key, person_id"
            " from linkage.crosswalk where closed_run_id is null"
        ).fetchall()
    linked = pandas.DataFrame(rows, columns=["source_system", "source_person_key", "person_id"])
    both = truth.merge(linked, on=["source_system", "source_person_key"])
    figures = pair_figures(
        both["person"].to_numpy(), both["person_id"].to_numpy(), both["source_system"].to_numpy()
    )
    return {
        **figures,
        "n_records": len(both),
        "n_persons": int(both["person"].nunique()),
        "n_person_ids": int(both["person_id"].nunique()),
        "not_in_crosswalk": int(len(truth) - len(both)),
        "split_persons": int((both.groupby("person")["person_id"].nunique() > 1).sum()),
        "mixed_person_ids": int((both.groupby("person_id")["person"].nunique() > 1).sum()),
        "split_by_race": _by_race(truth_dir, both),
    }


def _by_race(truth_dir: Path, both: pandas.DataFrame) -> dict | None:
    import pandas

    path = folder_of(truth_dir) / "persons.csv"
    if not path.is_file():
        return None
    known = pandas.read_csv(path, dtype=str, keep_default_na=False).set_index("person")
    if "race_ethnicity" not in known:
        return None
    group = both["person"].map(known["race_ethnicity"]).to_numpy()
    return split_rates(both["person"].to_numpy(), both["person_id"].to_numpy(), group)


def split_rates(truth: numpy.ndarray, found: numpy.ndarray, group: numpy.ndarray) -> dict:
    """How often persons of each group are split into several ids.

    truth, found, group: per record its person, its id, and the group of its person (None or ''
    where not known). Over persons with two records or more: {"groups": {name: cells.rate} of
    groups with cells.LEAST_GROUP such persons, "gap": points between the highest and the lowest
    share, None with fewer than two, "standardised_gap": the gap if persons of every group had as
    many records as all of them together have}. The more records a person has, the likelier one
    of them stands alone: groups that differ in age differ in records, and so in their rates.
    """
    import pandas

    from orchestration.linkage import cells

    frame = pandas.DataFrame({"person": truth, "found": found, "group": group})
    person = frame.groupby("person").agg(
        records=("found", "size"), ids=("found", "nunique"), group=("group", "first")
    )
    person = person[(person["records"] > 1) & person["group"].fillna("").ne("")]
    counted = {
        str(name): (int((part["ids"] > 1).sum()), len(part))
        for name, part in person.groupby("group")
        if len(part) >= cells.LEAST_GROUP
    }
    # of counts, not of the rounded shares that are shown
    shares = [100 * split / whole for split, whole in counted.values()]
    counted_persons = person[person["group"].astype(str).isin(counted)]
    standardised = list(_standardised(counted_persons).values())
    return {
        "groups": {name: cells.rate(*counts) for name, counts in counted.items()},
        "gap": round(max(shares) - min(shares), 2) if len(shares) > 1 else None,
        "standardised_gap": round(max(standardised) - min(standardised), 2)
        if len(standardised) > 1
        else None,
    }


def _standardised(person: pandas.DataFrame) -> dict[str, float]:
    """Per group the percentage split, directly standardised to how many records all persons have:
    the group's rate among persons of about as many records (tenths of all persons), weighed with
    the share of all persons there.

    person: records, ids and group of each.
    """
    import numpy
    import pandas

    if not len(person):
        return {}
    bounds = numpy.unique(person["records"].quantile(numpy.arange(1, 10) / 10))
    tenth = pandas.Series(numpy.searchsorted(bounds, person["records"]), index=person.index)
    weight = tenth.value_counts(normalize=True)
    split = 100.0 * (person["ids"] > 1)
    told = {}
    for name, part in split.groupby(person["group"].astype(str)):
        rate = part.groupby(tenth[part.index]).mean()
        own = weight[rate.index]
        told[name] = float((rate * own).sum() / own.sum())
    return told


def persons(truth_dir: Path) -> dict[tuple[str, str], str]:
    """The true person of every source key. Raises UsageError when there is no records.csv."""
    import pandas

    path = folder_of(truth_dir) / "records.csv"
    if not path.is_file():
        raise UsageError(
            f"There is no records.csv in {truth_dir}; name the folder that holds the truth files."
        )
    truth = pandas.read_csv(path, dtype=str, keep_default_na=False).drop_duplicates(
        ["source_system", "source_person_key"]
    )
    keys = zip(truth["source_system"], truth["source_person_key"], strict=True)
    return dict(zip(keys, truth["person"], strict=True))


def folder_of(truth_dir: Path) -> Path:
    """Where the truth files are: the folder itself, or `truth` in that of a county."""
    folder = Path(truth_dir)
    return folder / "truth" if (folder / "truth").is_dir() else folder


def pair_figures(truth: numpy.ndarray, found: numpy.ndarray, source: numpy.ndarray) -> dict:
    """The pair counts of two labellings of the same records, in all and by pair of sources.

    Counted from the contingency table, so 10,000 records of one person cost no more than 2.
    """
    import numpy

    systems, column = numpy.unique(source, return_inverse=True)
    _, person = numpy.unique(truth, return_inverse=True)
    _, person_id = numpy.unique(found, return_inverse=True)
    cell = person.astype("int64") * (person_id.max(initial=0) + 1) + person_id
    correct = _pairs_between(cell, column, len(systems))
    true = _pairs_between(person, column, len(systems))
    guessed = _pairs_between(person_id, column, len(systems))
    return {
        **_rates(int(correct.sum()), int(true.sum()), int(guessed.sum())),
        "by_source": {
            f"{systems[i]}|{systems[j]}": _rates(
                int(correct[i, j]), int(true[i, j]), int(guessed[i, j])
            )
            for i in range(len(systems))
            for j in range(i, len(systems))
            if true[i, j] or guessed[i, j]
        },
    }


def _pairs_between(group: numpy.ndarray, column: numpy.ndarray, systems: int) -> numpy.ndarray:
    """Upper triangle: number of pairs of one group, by the two records' source systems."""
    import numpy
    from scipy.sparse import coo_matrix

    _, row = numpy.unique(group, return_inverse=True)
    counts = coo_matrix(
        (numpy.ones(len(row), dtype="int64"), (row, column)),
        shape=(int(row.max(initial=-1)) + 1, systems),
    ).tocsr()
    product = (counts.T @ counts).toarray()
    size = numpy.asarray(counts.sum(axis=0)).ravel()
    pairs = numpy.triu(product, 1)
    numpy.fill_diagonal(pairs, (numpy.diag(product) - size) // 2)
    return pairs


def _rates(correct: int, true: int, found: int) -> dict:
    """precision and recall are 1.0 where there is nothing to find or nothing found."""
    precision = correct / found if found else 1.0
    recall = correct / true if true else 1.0
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * correct / (true + found) if true + found else 1.0,
        "true_pairs": true,
        "found_pairs": found,
        "correct_pairs": correct,
    }
