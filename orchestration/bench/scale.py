"""What linking n records costs: this engine beside plain Splink, on one population in one run.

Each contestant runs in a process of its own, one after the other, so that processor time and
peak memory are its own. Add here: a contestant or a figure about cost. Keep out: accuracy on
public samples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError, UsageError

if TYPE_CHECKING:
    import duckdb
    import numpy
    import pandas
    import pyarrow

# A population whose sources and errors are like an agency's: 12 sources, 8 of them with a
# number, 11 with a birth date, 10 with an address; a quarter moved.
SOURCES = 12
RECORDS_PER_PERSON = 4
NAME_SLIPS = 0.03
DATE_SLIPS = 0.015
NUMBER_SLIPS = 0.01
BORROWED_NUMBERS = 0.003
MOVED = 0.25
# Splink's match weights are cut where its own F1 is best, chosen on the truth: the comparison
# grants it that.
_SPLINK_CUTS = (0, 2, 4, 6, 8, 10, 12, 15)
# Records a model is trained on, and the random pairs that tell chance agreement.
LESSON = 50_000
_SAMPLE_PAIRS = 1e6
# The blocks of candidates.py that need no list, in Splink's words.
_BLOCKS = (
    ("ssn",),
    ("ssn4", "left(fn, 1)"),
    ("ssn4", "ln"),
    ("fn", "ln"),
    ("dob", "left(fn, 1)"),
    ("dob", "left(ln, 2)"),
    ("ym", "fn"),
    ("right(dob, 4)", "left(fn, 2)", "left(ln, 2)"),
    ("yr", "left(fn, 3)", "left(ln, 3)"),
    ("addr", "left(fn, 2)"),
    ("addr", "yr"),
)


def run(
    n: int = 100_000,
    *,
    threads: int | None = None,
    seed: int = 1,
    splink_runs: bool = True,
    progress: Callable[[str], None] | None = None,
) -> dict:
    """Link n fictional records with this engine and with plain Splink.

    Both have models frozen beforehand, trained without labels on another draw of 50,000
    records. Splink: its library comparisons, the same blocks, connected components. Returns
    {"records", "persons", "ours", "splink", "cpu_ratio", "machine_cores"}; each contestant:
    cpu_seconds, wall_seconds, peak_gb (of its process, data included), pairs, precision,
    recall, f1. splink_runs: false leaves Splink out (five million records take it minutes).

    Raises UsageError for fewer than 1,000 records, LifecourseError when the system ends a
    contestant.
    """
    import os
    import tempfile

    import numpy
    from pyarrow import parquet

    from orchestration.linkage import scoring

    if n < 1_000:
        raise UsageError("A benchmark of scale needs 1,000 records or more.")
    say = progress or (lambda text: None)
    contestants = {"ours": (_teach_ours, _ours)}
    if splink_runs:
        contestants["splink"] = (_teach_splink, _splink)
    with tempfile.TemporaryDirectory() as folder:
        lesson, path = Path(folder) / "lesson.parquet", Path(folder) / "records.parquet"
        parquet.write_table(population(min(n, LESSON), seed + 1)[0], lesson)
        table, person = population(n, seed)
        parquet.write_table(table, path)
        del table
        say(f"bench: {n:,} records of {len(numpy.unique(person)):,} persons")

        def figures(cluster: numpy.ndarray) -> dict:
            told = scoring.pair_figures(person, cluster, numpy.zeros(n, dtype="int8"))
            return {name: told[name] for name in ("precision", "recall", "f1")}

        told = {}
        for name, (teach, contestant) in contestants.items():
            model_path = str(Path(folder) / f"{name}.json")
            _alone(teach, str(lesson), model_path)
            spent, clusters = _alone(contestant, str(path), model_path, threads)
            scored = [figures(cluster) for cluster in clusters]
            told[name] = {**spent, **max(scored, key=lambda found: found["f1"])}
            say(f"bench: {name} took {spent['cpu_seconds']} CPU-s")
    facts = {
        "records": n,
        "persons": len(numpy.unique(person)),
        **told,
        "machine_cores": os.cpu_count(),
    }
    if splink_runs:
        ratio = told["splink"]["cpu_seconds"] / told["ours"]["cpu_seconds"]
        facts["cpu_ratio"] = round(ratio, 2)
    return facts


def _alone(step: Callable, *arguments: object):
    """What step(*arguments) returns, in a process of its own, which its peak memory is of.

    Raises what it raises; LifecourseError when the system ends it. multiprocessing.Pool would
    wait for ever for a process that was ended for want of memory.
    """
    import multiprocessing
    from concurrent import futures

    context = multiprocessing.get_context("spawn")
    try:
        with futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(step, *arguments).result()
    except futures.process.BrokenProcessPool as ended:
        raise LifecourseError(
            f"The benchmark's process for {step.__name__.strip('_')} was ended by the system,"
            " most likely for want of memory: name fewer records or free memory."
        ) from ended


def _spent(started: tuple[float, float]) -> dict:
    import time

    return {
        "cpu_seconds": round(time.process_time() - started[0], 1),
        "wall_seconds": round(time.monotonic() - started[1], 1),
        "peak_gb": round(_peak_kilobytes() / 1e6, 2),
    }


def _peak_kilobytes() -> int:
    """The most memory this process held. On Linux getrusage gives a process that was just started
    the peak of the one that started it, which made the records; the kernel's VmHWM is its own."""
    import re
    import resource

    status = Path("/proc/self/status")
    if status.exists():
        own = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        if own:
            return int(own[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _now() -> tuple[float, float]:
    import time

    return time.process_time(), time.monotonic()


def _teach_ours(lesson: str, model_path: str) -> None:
    from pyarrow import parquet

    from orchestration.linkage import engine, model, records, training

    duck = engine.memory()
    records.prepare(duck, parquet.read_table(lesson))
    taught = training.train(
        duck, name="bench", trained_on="another draw", seed=1, sample_pairs=_SAMPLE_PAIRS
    )
    model.save(taught, Path(model_path))


def _ours(path: str, model_path: str, threads: int | None) -> tuple[dict, list[numpy.ndarray]]:
    from pyarrow import parquet
    from scipy.cluster import hierarchy  # noqa: F401  imported before the clock starts

    from orchestration.linkage import engine, model, records

    taught = model.load(Path(model_path))
    started = _now()
    # nothing here holds the table, so that the engine can let go of it
    found = engine.link_records(
        parquet.read_table(path, read_dictionary=list(records.REPEATED)), taught, threads=threads
    )
    return {**_spent(started), "pairs": found.pairs}, [found.cluster]


def _splink_records(duck: duckdb.DuckDBPyConnection, path: str) -> None:
    duck.execute(
        f"""
        create table record as
        select
            rid, first_name as fn, last_name as ln, left(middle_name, 1) as mi,
            replace(birth_date, '-', '') as dob, left(replace(birth_date, '-', ''), 6) as ym,
            left(birth_date, 4) as yr, ssn, ssn_last4 as ssn4, sex, address_key as addr
        from read_parquet('{path}')
        """
    )


def _teach_splink(lesson: str, model_path: str) -> None:
    import splink
    from splink import comparison_library as library

    from orchestration.linkage import engine, model

    duck = engine.memory()
    with model.quiet():
        _splink_records(duck, lesson)
        settings = splink.SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="rid",
            blocking_rules_to_generate_predictions=[splink.block_on(*block) for block in _BLOCKS],
            comparisons=[
                library.NameComparison("fn").configure(term_frequency_adjustments=True),
                library.NameComparison("ln").configure(term_frequency_adjustments=True),
                library.ExactMatch("mi"),
                library.DateOfBirthComparison(
                    "dob", input_is_string=True, datetime_format="%Y%m%d"
                ),
                library.DamerauLevenshteinAtThresholds("ssn", [1]),
                library.JaroWinklerAtThresholds("addr", [0.9]),
                library.ExactMatch("sex"),
            ],
        )
        database = splink.DuckDBAPI(connection=duck)
        teacher = splink.Linker(database.register("record", table_name="lesson_for"), settings)
        teacher.training.estimate_probability_two_random_records_match(
            [splink.block_on("ssn", "fn"), splink.block_on("fn", "ln", "dob")], recall=0.7
        )
        teacher.training.estimate_u_using_random_sampling(max_pairs=_SAMPLE_PAIRS, seed=1)
        for block in (("ssn",), ("dob", "ln"), ("fn", "ln")):
            teacher.training.estimate_parameters_using_expectation_maximisation(
                splink.block_on(*block), estimate_without_term_frequencies=True, max_pairs=1e6
            )
        teacher.misc.save_model_to_json(model_path)


def _splink(path: str, model_path: str, threads: int | None) -> tuple[dict, list[numpy.ndarray]]:
    import json

    import splink

    from orchestration.linkage import engine, model

    taught = json.loads(Path(model_path).read_text(encoding="utf-8"))
    with model.quiet():
        started = _now()
        duck = engine.memory(threads)
        _splink_records(duck, path)
        database = splink.DuckDBAPI(connection=duck)
        linker = splink.Linker(database.register("record", table_name="record_for"), taught)
        predicted = linker.inference.predict(threshold_match_weight=0)
        clusters = []
        spent: dict = {}
        for cut in _SPLINK_CUTS:
            found = linker.clustering.cluster_pairwise_predictions_at_threshold(
                predicted, threshold_match_weight=cut
            )
            labels = duck.execute(
                f"select cluster_id from {found.physical_name} order by rid"
            ).fetchnumpy()["cluster_id"]
            # one threshold is what a user pays for
            spent = spent or _spent(started)
            clusters.append(labels)
        pairs = duck.execute(f"select count(*) from {predicted.physical_name}").fetchall()[0][0]
    return {**spent, "pairs": pairs}, clusters


def population(n: int, seed: int = 1) -> tuple[pyarrow.Table, numpy.ndarray]:
    """n identity records and the person of each; given names and surnames are as frequent as
    among the fictional people of pseudopeople, a quarter of surnames rarer."""
    import contextlib
    import io

    import numpy
    import pandas
    import pyarrow
    from pseudopeople import generate_social_security

    rng = numpy.random.default_rng(seed)
    # it draws progress bars
    with contextlib.redirect_stderr(io.StringIO()):
        known = generate_social_security(year=2020, seed=seed)
    first = _letters(known["first_name"])
    last = _letters(known["last_name"])
    syllables = numpy.array([a + b for a in "BDFGHKLMNPRSTV" for b in ("A", "EL", "IN", "O", "UR")])
    rare = numpy.unique(
        ["".join(rng.choice(syllables, 4)) for _ in range(min(60_000, max(500, n // 20)))]
    )

    persons = n // RECORDS_PER_PERSON
    households = max(1, persons // 2)
    household = rng.integers(0, households, persons)
    surname = numpy.where(
        rng.random(households) < 0.75,
        rng.choice(last, households),
        rng.choice(rare, households),
    )
    own_surname = numpy.where(
        rng.random(persons) < 0.85, surname[household], rng.choice(last, persons)
    )
    street = numpy.array(["".join(rng.choice(syllables, 3)) for _ in range(2_000)])
    address = pandas.Series(rng.integers(1, 9_999, households).astype(str)) + " " + pandas.Series(
        rng.choice(street, households)
    )  # fmt: skip
    given = rng.choice(first, persons)
    initial = numpy.array(list("ABCDEFGHJKLMNPRSTW"))[rng.integers(0, 18, persons)]
    born = numpy.datetime64("1930-01-01") + rng.integers(0, 33_000, persons)
    sex = numpy.array(["F", "M"])[rng.integers(0, 2, persons)]
    number = rng.permutation(
        numpy.unique(rng.integers(100_000_000, 665_999_999, int(persons * 1.1) + 10))
    )[:persons].astype(str)

    person = rng.integers(0, persons, n)
    source = rng.integers(0, SOURCES, n)
    frame = pandas.DataFrame(
        {
            "source_system": numpy.char.add("s", source.astype(str)),
            "first_name": _slips(given[person], NAME_SLIPS, rng),
            "middle_name": pandas.Series(initial[person]).where(rng.random(n) > 0.3, None),
            "last_name": _slips(own_surname[person], NAME_SLIPS, rng),
            "sex": pandas.Series(sex[person]).where(rng.random(n) > 0.05, None),
        }
    )
    day = born[person]
    slipped = rng.random(n) < DATE_SLIPS
    day = numpy.where(slipped, day + rng.integers(1, 40, n).astype("timedelta64[D]"), day)
    dated = (source != 2) & (rng.random(n) > 0.01)
    frame["birth_date"] = pandas.Series(numpy.datetime_as_string(day)).where(dated, None)
    frame["birth_date_precision"] = pandas.Series(numpy.full(n, "day")).where(dated, None)
    written = number[person]
    slipped = numpy.flatnonzero(rng.random(n) < NUMBER_SLIPS)
    at = rng.integers(1, 9, len(slipped))
    digit = rng.integers(0, 10, len(slipped))
    written[slipped] = [
        value[:i] + str(d) + value[i + 1 :]
        for value, i, d in zip(written[slipped], at, digit, strict=True)
    ]
    borrowed = numpy.flatnonzero(rng.random(n) < BORROWED_NUMBERS)
    written[borrowed] = number[rng.integers(0, persons, len(borrowed))]
    numbered = (source < 8) & (rng.random(n) > 0.04)
    frame["ssn"] = pandas.Series(written).where(numbered, None)
    frame["ssn_last4"] = frame["ssn"].str[-4:]
    lives = numpy.where(rng.random(n) < MOVED, rng.integers(0, households, n), household[person])
    housed = (source != 0) & (source != 7) & (rng.random(n) > 0.05)
    frame["address_key"] = pandas.Series(address.to_numpy()[lives]).where(housed, None)

    from orchestration.linkage import records

    key = [f"{row:09}" for row in range(n)]
    columns = {
        "identity_record_id": key,
        "source_person_key": key,
        "is_linkable": ["t"] * n,
        "last_load_id": ["1"] * n,
        **{
            name: values.astype(object).where(values.notna(), None)
            for name, values in frame.items()
        },
    }
    table = pyarrow.table(
        {
            name: pyarrow.array(columns.get(name, [None] * n), pyarrow.string())
            for name in records.COLUMNS
        }
    )
    return table.append_column("rid", pyarrow.array(numpy.arange(n, dtype="int32"))), person


def _letters(names: pandas.Series) -> numpy.ndarray:
    cleaned = names.dropna().astype(str).str.upper().str.replace("[^A-Z]", "", regex=True)
    return cleaned[cleaned.str.len() > 2].to_numpy(dtype=str)


def _slips(names: numpy.ndarray, share: float, rng: numpy.random.Generator) -> numpy.ndarray:
    """One letter of a share of the names replaced, dropped or doubled."""
    import numpy

    written = names.astype(object)
    rows = numpy.flatnonzero(rng.random(len(names)) < share)
    kind = rng.integers(0, 3, len(rows))
    at = rng.random(len(rows))
    letter = numpy.array(list("ABCDEFGHIJKLMNOPRSTUVWY"))[rng.integers(0, 23, len(rows))]
    for row, how, where, new in zip(rows, kind, at, letter, strict=True):
        name = written[row]
        i = int(where * len(name))
        tail = {0: new + name[i + 1 :], 1: name[i + 1 :], 2: name[i] + name[i:]}[int(how)]
        written[row] = name[:i] + tail
    return written
