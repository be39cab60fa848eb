"""What a sample says about one column: type, date format, codes, pattern, role, missing values.

Everything here is a guess for a person to confirm; `doubts` are the words for it. Thresholds are
on the safe side: a column in doubt is an identifier, text and optional, because a too strict
contract holds the next delivery and a too open one shows a person. No value is kept but the codes
of a coded column. Add here: a kind of column that agencies use. Keep out: writing files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from orchestration.new_source.sample import Field, SampleTable
from orchestration.quality import typed

# A date format is accepted when all values but well-known words for "unknown" are real days.
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%Y%m%d", "%d/%m/%Y", "%Y/%m/%d")
TIMESTAMP_FORMATS = (
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
)
UNKNOWN_DATES = {
    *("99/99/9999", "00/00/0000", "99999999", "00000000", "9999-99-99", "0000-00-00"),
}
# Years in which people of a life-course system live; other eight digits are a number.
YEARS = (1880, 2100)
# More codes than this are a reference table, longer ones are words (2026-11-23).
MOST_CODES = 40
LONGEST_CODE = 20
# By the Good-Turing rule the share of rows with a code not seen yet is about the share of values
# seen once: with less than this a list is taken for complete.
SEEN_ONCE = 0.002
# A column without one missing value in n rows is missing in fewer than 3/n of all, 95 times in
# 100: from 300 rows on that is 1 %, and the contract may say required (2026-11-23).
ROWS_FOR_REQUIRED = 300
# Below this, any column is unique by chance and no key is proposed.
ROWS_FOR_KEY = 30
MOST_KEY_COLUMNS = 4
# Social security numbers with slips of the pen; below this share the numbers are masked or coded.
NINE_DIGITS = 0.99
# Combinations are searched in these rows first and confirmed on all.
ROWS_FOR_SEARCH = 5_000

MONTH_DASHED, MONTH_PLAIN = r"20\d{2}-[01]\d", r"20\d{2}[01]\d"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_NAME = re.compile(
    r"(^|_)(f|m|l|first|middle|mid|last|maiden|sur|given|family|full|nick|alias|birth|mother|father"
    r"|patient|client|student|child|parent|person|member|employee|worker|guardian)(_\w+)?_?name(_|$)"
    r"|(first|middle|last|maiden|sur|given|nick)_?name|middle_init|^mi$|^alias|^suffix$"
    r"|name_suffix|^name$|(^|_)[fml]name$|^(first|middle|last|maiden|prefix|surname|alias(es)?)$"
)
_ADDRESS = re.compile(
    r"street|address|(^|_)addr|^st(num|name)|(^|_)unit(_?n|$)|apartment|(^|_)apt(_|$)"
)
_CONTACT = re.compile(
    r"passport|drivers?(_|$)|licen[cs]e_?(no|num|id)|phone|(^|_)(tel|fax|cell|mobile|email|e_mail)(_|$)|email"
)
_SSN = re.compile(r"ssn|social_?sec(urity)?(_?(no|num|number|id))?$|^soc_")
_QUASI = re.compile(
    r"birth|(^|_)(dob|dod|idob|sex|gender|race|ethnic\w*|hispanic|age|city|town|tract|county|fips"
    r"|citizenship|language|religion|marital|lat|lon|latitude|longitude)(_|$)|zip|postal|death_?date"
    r"|date_of_death|^race_|nationality|veteran"
)
_ORGANISATION = re.compile(
    r"organi[sz]ation|school|district|facility|payer|insur|employer|agency|program|project|site"
    r"|office|court|branch|department|plan|state|stratum|vendor|hospital|county|tract|geoid|unit_id"
)
_ID = re.compile(
    r"(^|_)(id|ids|no|num|number|nbr|key|guid|uuid|mrn|jacket|identifier)$|^(id|uid)_|id$"
)
_PERSON = re.compile(
    r"person|client|patient|student|child|member|case|participant|recipient|beneficiary|provider"
    r"|worker|teacher|family|household|booking|jacket|inmate|tenant|applicant|mrn|medicaid|account"
    r"|card"
)
_MEASURE = re.compile(
    r"amount|(^|_)amt|cost|coverage|income|wage|earn|benefit|(^|_)counts?(_|$)"
    r"|(^|_)(nbr|num|number)_of|(^|_)nbr_|days|hours|months|minutes|total|charge_amount|paid|balance|score|rate|percent|pct|(^|_)qty"
    r"|quantity|weight|height|length|_hop$|_ea$|_hol$|resources"
)
_CODE = re.compile(
    r"code|class|type|status|kind|category|reason|level|flag|indicator|ind$|relation"
)
_BIRTH = re.compile(r"birth|(^|_)dob(_|$)")


@dataclass(frozen=True)
class ColumnGuess:
    """One column of the contract to be. doubts: what a person should look at, in words."""

    field: Field
    logical_type: str
    date_format: str | None
    pattern: str | None
    codes: tuple[str, ...] | None
    role: str
    kind: str
    required: bool
    key_position: int | None
    filled: float
    non_negative: bool
    unknown_dates: tuple[str, ...]
    iso_order: bool
    nine_digits: float
    doubts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def classification(self) -> str:
        return (
            "restricted" if self.role == "identifier" or self.kind == "free_text" else "protected"
        )


@dataclass(frozen=True)
class TableGuess:
    """A staging table to be. rows: how many the sample had."""

    name: str
    columns: tuple[ColumnGuess, ...]
    rows: int
    record_type: str | None
    segment_offsets: tuple[int, ...]
    key_doubt: str

    @property
    def key(self) -> tuple[ColumnGuess, ...]:
        keyed = [c for c in self.columns if c.key_position is not None]
        return tuple(sorted(keyed, key=lambda c: c.key_position or 0))


def guess_table(name: str, table: SampleTable) -> TableGuess:
    """Everything the sample says about one table."""
    values = list(zip(*table.rows, strict=True))
    guesses = [_column(f, v) for f, v in zip(table.fields, values, strict=True)]
    key, doubt = _key(guesses, table.rows)
    columns = []
    for position, guess in enumerate(guesses):
        place = key.index(position) + 1 if position in key else None
        columns.append(_placed(guess, place))
    return TableGuess(
        name, tuple(columns), len(table.rows), table.record_type, table.segment_offsets, doubt
    )


def _placed(guess: ColumnGuess, position: int | None) -> ColumnGuess:
    if position is None:
        return guess
    return replace(guess, key_position=position, required=True)


def _column(place: Field, values: Sequence[str]) -> ColumnGuess:
    filled = [value for value in values if value]
    counts = Counter(filled)
    doubts: list[str] = []
    name = place.name
    if not place.described:
        doubts.append("the layout does not describe these characters: name them, or leave them out")
    if not filled:
        doubts.append("empty in the whole sample: type and codes are not known")
    logical_type, date_format, unknown = _temporal(name, counts)
    pattern: str | None = None
    kind = logical_type
    if logical_type == "string" and place.described:
        pattern, kind = _shape(name, counts)
    if kind == "text":
        logical_type = kind = _number_type(name, counts)
    role, why = _role(place, kind, counts, len(filled))
    if why:
        doubts.append(why)
    codes = None
    if kind in ("string", "integer") and role != "identifier" and place.described:
        codes = _codes(name, kind, counts, len(filled))
    if codes is not None:
        logical_type, kind, pattern = "string", "code", None
        doubts.append("are these all the codes, and what does each mean")
    if kind == "string" and role == "content" and _is_free_text(counts, len(filled)):
        kind = "free_text"
        doubts.append("free text can hold names; leave it out if nobody needs it")
    if date_format in ("%m/%d/%Y", "%d/%m/%Y") and _both_orders(counts):
        doubts.append("every day is below 13, so month and day could be the other way round")
    if date_format and date_format.endswith("Z"):
        doubts.append("the times are UTC, not the county's own")
    if is_ssn(name) and _share(counts, r"\d{3}-?\d{2}-?\d{4}") < NINE_DIGITS:
        doubts.append("many are not nine digits: are the numbers masked or coded")
    if kind in ("month", "digits") and pattern:
        doubts.append("every value of the sample has this pattern")
    required = (
        place.described
        and len(filled) == len(values) >= ROWS_FOR_REQUIRED
        and place.required is not False
    )
    if place.required and len(filled) < len(values):
        doubts.append("the layout says required, the sample has missing values")
    return ColumnGuess(
        field=place,
        logical_type=logical_type,
        date_format=date_format,
        pattern=pattern,
        codes=codes,
        role=role,
        kind=kind,
        required=required,
        key_position=None,
        filled=len(filled) / len(values) if values else 0.0,
        non_negative=kind in ("integer", "number") and not any(v.startswith("-") for v in counts),
        unknown_dates=unknown,
        iso_order=bool(date_format and date_format.startswith("%Y")),
        nine_digits=_share(counts, r"\d{3}-?\d{2}-?\d{4}"),
        doubts=tuple(doubts),
    )


def _temporal(name: str, counts: Counter[str]) -> tuple[str, str | None, tuple[str, ...]]:
    real = [value for value in counts if value not in UNKNOWN_DATES]
    unknown = tuple(sorted(value for value in counts if value in UNKNOWN_DATES))
    if not real:
        return "string", None, ()
    says_date = re.search(r"date|(^|_)(dt|dob|dod|day|start|stop|end|birth|on)(_|$)|dttm", name)
    if len(real) < 5 and not says_date:
        return "string", None, ()
    for logical, formats in (("date", DATE_FORMATS), ("timestamp", TIMESTAMP_FORMATS)):
        for date_format in formats:
            shape = re.compile(typed.date_pattern(date_format))
            if not all(map(shape.fullmatch, real)):
                continue
            years = [int(y) for value in real if (y := _year(value, date_format))]
            if min(years) >= YEARS[0] and max(years) <= YEARS[1]:
                same_shape = tuple(u for u in unknown if len(u) == len(real[0]))
                return logical, date_format, same_shape
    return "string", None, ()


def _year(value: str, date_format: str) -> str:
    return value[:4] if date_format.startswith("%Y") else value[6:10]


def _both_orders(counts: Counter[str]) -> bool:
    return all(
        int(value[:2]) <= 12 and int(value[3:5]) <= 12 for value in counts if value[:2] < "13"
    )


def _shape(name: str, counts: Counter[str]) -> tuple[str | None, str]:
    """A pattern out of a fixed list, never one made of values, and the kind it stands for."""
    if not counts:
        return None, "string"
    if all(re.fullmatch(UUID, value) for value in counts):
        return UUID, "uuid"
    if re.search(r"month|period|(^|_)(ym|yyyymm)(_|$)", name):
        for pattern in (MONTH_DASHED, MONTH_PLAIN):
            if all(re.fullmatch(pattern, value) for value in counts):
                return pattern, "month"
    if (_ID.search(name) and not _MEASURE.search(name)) or is_ssn(name):
        width = {len(value) for value in counts}
        if (
            len(counts) >= 20
            and len(width) == 1
            and all(v.isascii() and v.isdigit() for v in counts)
        ):
            return rf"\d{{{width.pop()}}}", "digits"
        return None, "string"
    return None, "text"


def _number_type(name: str, counts: Counter[str]) -> str:
    """integer or number only where nothing is lost by it: zeros in front are part of a code."""
    coded = _CODE.search(name) or _QUASI.search(name) or _CONTACT.search(name)
    if coded and not _MEASURE.search(name):
        return "string"
    plain = all(re.fullmatch(typed.INTEGER, value) for value in counts)
    zeros = any(re.fullmatch(r"0\d+", value) for value in counts)
    if plain and (not zeros or _MEASURE.search(name)) and max(map(len, counts)) <= 18:
        return "integer"
    if not plain and all(re.fullmatch(typed.NUMBER, value) for value in counts):
        return "number"
    return "string"


def _role(place: Field, kind: str, counts: Counter[str], filled: int) -> tuple[str, str]:
    """identifier, quasi_identifier or content, and what to confirm about it."""
    name = place.name
    if not place.described:
        return "identifier", ""
    of_a_person = _NAME.search(name) and not _ORGANISATION.search(name)
    if is_ssn(name) or of_a_person or _CONTACT.search(name) or "ssn" in name:
        return "identifier", "identifier, by its name"
    if _share(counts, r"\d{3}-\d{2}-\d{4}") > 0.5:
        return "identifier", "identifier: the values look like social security numbers"
    if _share(counts, r"[^@\s]+@[^@\s]+\.[^@\s]+") > 0.5:
        return "identifier", "identifier: the values look like e-mail addresses"
    if _share(counts, r"\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}") > 0.5:
        return "identifier", "identifier: the values look like telephone numbers"
    if _QUASI.search(name) and kind not in ("uuid",):
        return "quasi_identifier", "quasi-identifier, by its name"
    if _ADDRESS.search(name):
        return "identifier", "identifier, by its name"
    if kind in ("date", "timestamp", "number", "month"):
        return "content", ""
    is_id = bool(_ID.search(name)) or kind in ("uuid", "digits")
    if is_id and not _MEASURE.search(name):
        if _ORGANISATION.search(name) and not _PERSON.search(name):
            return "content", "taken for the id of an organisation or place, not of a person"
        return "identifier", "identifier, by its name or the shape of its values"
    if _PERSON.search(name) and not _MEASURE.search(name) and len(counts) > MOST_CODES:
        return "identifier", "identifier, by its name"
    if (
        not _CODE.search(name)
        and not _MEASURE.search(name)
        and filled >= ROWS_FOR_KEY
        and len(counts) > 0.5 * filled
        and _share(counts, r"[A-Za-z]*\d{6,}[A-Za-z]*") > 0.9
    ):
        return "identifier", "identifier: nearly every row has a number of its own"
    if (
        not _CODE.search(name)
        and not _ORGANISATION.search(name)
        and len(counts) > MOST_CODES
        and _share(counts, r"[A-Z][A-Za-z'’.-]+([ ,]+[A-Z][A-Za-z'’.-]*){0,3}") > 0.8
    ):
        return "identifier", "identifier: the values look like names"
    return "content", ""


def _share(counts: Counter[str], pattern: str) -> float:
    """Share of the different values that have the shape."""
    if not counts:
        return 0.0
    return sum(bool(re.fullmatch(pattern, value)) for value in counts) / len(counts)


def _codes(name: str, kind: str, counts: Counter[str], filled: int) -> tuple[str, ...] | None:
    if not 2 <= len(counts) <= MOST_CODES or filled < ROWS_FOR_KEY:
        return None
    if _MEASURE.search(name) or re.search(r"zip|postal|city|town|tract|county|fips|name", name):
        return None
    if re.search(r"(^|_)age(_|$)|year|latitude|longitude", name):
        return None
    # Without a word for it, a whole number is a code only when it is one digit.
    if kind == "integer" and not _CODE.search(name) and max(map(len, counts)) > 1:
        return None
    if max(map(len, counts)) > LONGEST_CODE or any(value.count(" ") > 2 for value in counts):
        return None
    seen_once = sum(count == 1 for count in counts.values())
    if seen_once / filled > SEEN_ONCE:
        return None
    return tuple(sorted(counts))


def _is_free_text(counts: Counter[str], filled: int) -> bool:
    words = sum(value.count(" ") + 1 for value in counts) / max(len(counts), 1)
    return len(counts) > MOST_CODES and words > 4


# --- key


def _key(guesses: list[ColumnGuess], rows: Sequence[tuple[str, ...]]) -> tuple[list[int], str]:
    """The positions of the smallest combination of columns that names every row.

    Measures, instants, free text and names are left out: they are unique by chance. Columns that
    look like ids come first, then dates and months, then codes; earlier before later.
    """
    if len(rows) < ROWS_FOR_KEY:
        return (
            [],
            f"the sample has {len(rows)} rows, too few to find a key; is there one",
        )
    candidates = [i for i, guess in enumerate(guesses) if guess.filled == 1.0 and _may_key(guess)]
    candidates.sort(key=lambda i: (_key_rank(guesses[i]), i))
    candidates = candidates[:24]
    some = rows[:ROWS_FOR_SEARCH]
    for size in range(1, MOST_KEY_COLUMNS + 1):
        for combination in combinations(candidates, size):
            if _is_unique(combination, some) and _is_unique(combination, rows):
                return sorted(combination), (
                    f"the key names each of the {len(rows):,} rows of the sample; "
                    "does the agency say so"
                )
    return [], (
        f"no {MOST_KEY_COLUMNS} columns name each row, so the line is the grain; is one missing"
    )


def _may_key(guess: ColumnGuess) -> bool:
    if guess.kind in ("free_text", "number", "timestamp") or not guess.field.described:
        return False
    if guess.kind == "integer" and _MEASURE.search(guess.name):
        return False
    if guess.kind == "string" and guess.role == "content":
        return False
    return not (_NAME.search(guess.name) or _ADDRESS.search(guess.name))


def _key_rank(guess: ColumnGuess) -> int:
    if guess.role == "identifier" and not is_ssn(guess.name):
        return 0
    if guess.kind == "month":
        return 1
    if guess.kind == "date" or is_ssn(guess.name):
        return 2
    return 3 if guess.kind != "code" else 4


def _is_unique(positions: Sequence[int], rows: Sequence[tuple[str, ...]]) -> bool:
    if len(positions) == 1:
        seen_one = {row[positions[0]] for row in rows}
        return len(seen_one) == len(rows)
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        key = tuple(row[position] for position in positions)
        if key in seen:
            return False
        seen.add(key)
    return True


def is_name(column: str) -> bool:
    return bool(_NAME.search(column))


def is_ssn(column: str) -> bool:
    """Whether the whole number stands there, by the column's name."""
    return bool(
        _SSN.search(column) and not _MEASURE.search(column) and not re.search("last_?4", column)
    )


def is_birth(column: str) -> bool:
    return bool(_BIRTH.search(column))
