"""The values that are encoded, cleaned alike on both sides: by the agency from its own file, by
linkage from what dbt has cleaned. One letter cleaned differently, and nothing agrees.

Add here: a field's cleaning. Keep out: bits (bloom.py), files (encoded_files.py).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from datetime import datetime
from functools import cache

from orchestration.linkage import records
from orchestration.settings import PROJECT_ROOT


def clean(raw: dict[str, list[str]], date_format: str) -> dict[str, list[str | None]]:
    """The values bloom.encode takes, of values as a source holds them; missing is ''.

    raw: values by field of bloom.FIELDS, and of `unit`; date_format: as strptime writes it.
    """
    cleaners = {
        "first_name": given_name,
        "middle_initial": lambda value: letters(value)[:1] or None,
        "last_name": surname,
        "birth_date": lambda value: birth_date(value, date_format),
        "ssn": ssn,
        "zip": zip_code,
    }
    values = {
        name: [cleaner(value) for value in raw[name]]
        for name, cleaner in cleaners.items()
        if name in raw
    }
    if "street_address" in raw:
        units = raw.get("unit", [""] * len(raw["street_address"]))
        values["street_address"] = [
            address(street, unit) for street, unit in zip(raw["street_address"], units, strict=True)
        ]
    return values


def of_identity_records(rows: dict[str, list[str | None]]) -> dict[str, list[str | None]]:
    """The same of columns of identity.identity_record, which dbt has cleaned.

    A number under which too many given names appear is nobody's, as in the clear
    (records.MAX_NAMES_PER_SSN).
    """
    places = [f"{key or ''}||".split("|") for key in rows["address_key"]]
    names = defaultdict(set)
    for number, name in zip(rows["ssn"], rows["first_name"], strict=True):
        names[number].add(name)
    return {
        "first_name": [given_name(value or "") for value in rows["first_name"]],
        "middle_initial": [letters(value or "")[:1] or None for value in rows["middle_name"]],
        "last_name": [surname(value or "") for value in rows["last_name"]],
        "birth_date": [
            born.replace("-", "") if born and precision == "day" else None
            for born, precision in zip(
                rows["birth_date"], rows["birth_date_precision"], strict=True
            )
        ],
        "ssn": [
            number if len(names[number]) <= records.MAX_NAMES_PER_SSN else None
            for number in rows["ssn"]
        ],
        "street_address": [
            " ".join(part for part in place[:2] if part) or None for place in places
        ],
        "zip": [code or place[2] or None for code, place in zip(rows["zip"], places, strict=True)],
    }


@cache
def letters(value: str) -> str:
    """Upper-case letters only; accents fold to their letter."""
    folded = unicodedata.normalize("NFKD", value).upper()
    return "".join(letter for letter in folded if "A" <= letter <= "Z")


@cache
def given_name(value: str) -> str | None:
    """A given name as the one formal name it can stand for, else as it is."""
    name = letters(value)
    if len(name) < 2 or name in records.NOT_A_FIRST_NAME:
        return None
    forms = _nicknames().get(name, set())
    return next(iter(forms)) if len(forms) == 1 else name


@cache
def surname(value: str) -> str | None:
    name = letters(value)
    return None if not name or name in records.NOT_A_LAST_NAME else name


@cache
def birth_date(value: str, date_format: str) -> str | None:
    """YYYYMMDD, or None for what is no whole date."""
    try:
        return datetime.strptime(value.strip(), date_format).strftime("%Y%m%d")
    except ValueError:
        return None


_SSN = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")


def ssn(value: str) -> str | None:
    """Nine digits that can have been issued to one person (macro clean_ssn)."""
    digits = value.strip().replace("-", "").replace(" ", "")
    if not _SSN.fullmatch(digits) or len(set(digits)) == 1 or digits in _placeholders():
        return None
    return digits


def zip_code(value: str) -> str | None:
    found = re.fullmatch(r"(\d{5})(-?\d{4})?", value.strip())
    return found[1] if found and found[1] not in ("00000", "99999") else None


def address(street: str, unit: str) -> str | None:
    """Street and unit in standard words (macro address_key)."""
    parts = [_words(street, "street"), _words(unit, "unit")]
    return " ".join(part for part in parts if part) or None if parts[0] else None


@cache
def _words(text: str, part: str) -> str:
    standard = _standard_words()
    words = re.sub(r"[^A-Z0-9]+", " ", text.upper()).split()
    found = [standard.get((part, word), word) for word in words]
    return " ".join(word for word in found if word != "-")


@cache
def _standard_words() -> dict[tuple[str, str], str]:
    rows = _seed("reference/ref_address_word.csv")
    return {(row["part"], row["word"]): row["standard_word"] for row in rows}


@cache
def _placeholders() -> frozenset[str]:
    return frozenset(row["ssn"] for row in _seed("policy/policy_ssn_placeholder.csv"))


@cache
def _nicknames() -> dict[str, set[str]]:
    return records.nicknames()


def _seed(name: str) -> list[dict[str, str]]:
    with (PROJECT_ROOT / "seeds" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
