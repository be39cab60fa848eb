"""Sixty kinds of fault that deliveries have, to be put into good ones.

A fault is defined by what goes wrong at an agency, not by what a rule looks for. Each has its
strengths and says beforehand which of them are material: the others are tried too and
reported apart. A fault changes the landed text of one table; those of whole files are in
gate_file_faults.
Add here: another fault of rows or columns. Keep out: whether it is found (gates).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from orchestration.landing.contracts import Column, Contract, Table
from orchestration.quality.typed import companions, literal, quote


@dataclass(frozen=True)
class Target:
    """A loaded table that a fault may be put into. filled, different: by column, rows with a
    value and different values among them. before: the accepted load before, as SQL for FROM."""

    contract: Contract
    table: Table
    rows: int
    filled: dict[str, int]
    different: dict[str, int]
    before: str | None

    def columns(self, test: Callable[[Column], bool], least: float = 0.5) -> list[Column]:
        """Columns that pass the test and have a value in at least this share of rows."""
        return [
            c for c in self.table.columns if test(c) and self.filled[c.name] >= least * self.rows
        ]


@dataclass(frozen=True)
class Change:
    """What a fault does. set: new text by column, as SQL, in the rows of `pick`; drop: rows
    that go; repeat: rows that come twice, with the columns of `anew` new in the second; instead:
    the rows of another relation. names: the columns a steward should be told; empty when the
    fault is of the file as a whole. Rows are picked by a hash of their number, so the same come
    every time."""

    names: tuple[str, ...] = ()
    set: dict[str, str] = field(default_factory=dict)
    pick: str = "true"
    drop: str | None = None
    repeat: str | None = None
    anew: dict[str, str] = field(default_factory=dict)
    instead: str | None = None


Make = Callable[[Target, float], Change | None]


@dataclass(frozen=True)
class Fault:
    """kind: its name. strengths: tried one at a time; those from `material` on must be found."""

    kind: str
    make: Make
    strengths: tuple[float, ...] = (1.0,)
    material: float = 0.0


# Rows have a number of their own in every landed table.
def _some(share: float, salt: str = "") -> str:
    return f"abs(hashtext(_row_number::text || {literal('fault' + salt)})) % 1000 < {share * 1000}"


def _is(kind: str) -> Callable[[Column], bool]:
    return lambda c: c.logical_type == kind and c.codes is None


def _free(c: Column) -> bool:
    """Text without a code list or a pattern."""
    return c.logical_type == "string" and c.codes is None and not c.pattern


def _id(c: Column) -> bool:
    return c.role == "identifier" and c.key_position is not None and c.logical_type == "string"


def _coded(c: Column) -> bool:
    return c.codes is not None and len(c.codes) > 1


def _named(*words: str) -> Callable[[Column], bool]:
    return lambda c: any(word in c.name for word in words)


def _first(found: list[Column]) -> Column | None:
    return found[0] if found else None


def _as_date(target: Target, column: Column) -> str:
    made = companions(target.table.columns)
    return f"cast({made.get(f'{column.name}_as_date', 'null')} as date)"


def _written(column: Column, date: str) -> str:
    """A date as the contract wants it written."""
    form = column.date_format or "%Y-%m-%d"
    for directive, code in (("%Y", "YYYY"), ("%m", "MM"), ("%d", "DD")):
        form = form.replace(directive, code)
    return f"to_char({date}, {literal(form)})"


# --- rows ---------------------------------------------------------------------------------


def _rows_lost(target: Target, share: float) -> Change:
    return Change(drop=_some(share))


def _tail_lost(target: Target, share: float) -> Change:
    return Change(drop=f"_row_number > {int(target.rows * (1 - share))}")


def _head_lost(target: Target, share: float) -> Change:
    return Change(drop=f"_row_number <= {int(target.rows * share)}")


def _all_lost(target: Target, share: float) -> Change:
    return Change(drop="true")


def _rows_twice(target: Target, share: float) -> Change | None:
    return Change(target.table.key, repeat=_some(share)) if target.table.key else None


def _fan_out(target: Target, share: float) -> Change | None:
    column = _first(target.columns(_id))
    if column is None:
        return None
    other = f"translate({quote(column.name)}, '0123456789', '5678901234')"
    return Change(repeat=_some(share), anew={column.name: other})


def _one_value_lost(test: Callable[[Column], bool], most: int) -> Make:
    def make(target: Target, rank: float) -> Change | None:
        for column in target.columns(test, 0.9):
            if 2 <= target.different[column.name] <= most:
                name = quote(column.name)
                value = (
                    f"(select {name} from clean where {name} is not null group by 1 "
                    f"order by count(*) desc, 1 offset {int(rank)} limit 1)"
                )
                return Change((column.name,), drop=f"{name} = {value}")
        return None

    return make


def _stale(target: Target, share: float) -> Change | None:
    """Last period's rows under this period's name: the period columns are moved on.

    No column of such a file is wrong, the file is: a rule that says so names none.
    """
    if target.before is None or target.contract.delivery_kind != "increment":
        return None
    # every column that is one value throughout the file says which period it is
    moved = {
        c.name: f"(select min({quote(c.name)}) from clean)"
        for c in target.table.columns
        if target.different[c.name] == 1 and target.filled[c.name] == target.rows
    }
    return Change(instead=target.before, set=moved)


# --- codes --------------------------------------------------------------------------------


def _recoded(target: Target, share: float) -> Change | None:
    """The most frequent code becomes the next."""
    for column in target.columns(_coded, 0.9):
        if target.different[column.name] >= 2 and column.key_position is None:
            name = quote(column.name)
            ranked = (
                f"(select {name} from clean where {name} is not null group by 1 "
                "order by count(*) desc, 1 offset {} limit 1)"
            )
            return Change(
                (column.name,),
                set={column.name: ranked.format(1)},
                pick=f"{name} = {ranked.format(0)} and {_some(share)}",
            )
    return None


def _codes_exchanged(target: Target, share: float) -> Change | None:
    """Two codes change places."""
    for column in target.columns(_coded, 0.9):
        if target.different[column.name] >= 2 and column.key_position is None:
            name = quote(column.name)
            ranked = (
                f"(select {name} from clean where {name} is not null group by 1 "
                "order by count(*) desc, 1 offset {} limit 1)"
            )
            swapped = (
                f"case {name} when {ranked.format(0)} then {ranked.format(1)} "
                f"when {ranked.format(1)} then {ranked.format(0)} else {name} end"
            )
            return Change((column.name,), set={column.name: swapped}, pick=_some(share))
    return None


def _set(test: Callable[[Column], bool], text: str, least: float = 0.5) -> Make:
    """A share of a column's values becomes another text. {} in it is the value."""

    def make(target: Target, share: float) -> Change | None:
        column = _first(target.columns(test, least))
        if column is None:
            return None
        name = quote(column.name)
        return Change(
            (column.name,),
            set={column.name: text.replace("{}", name)},
            pick=f"{name} is not null and {_some(share)}",
        )

    return make


def _sex_flipped(target: Target, share: float) -> Change | None:
    column = _first(
        [
            c
            for c in target.columns(_coded)
            if c.name in ("sex", "gender") and len(c.codes or ()) > 1
        ]
    )
    if column is None:
        return None
    name = quote(column.name)
    ranked = (
        f"(select {name} from clean where {name} is not null group by 1 "
        "order by count(*) desc, 1 offset {} limit 1)"
    )
    return Change((column.name,), set={column.name: ranked.format(0)}, pick=_some(share))


# --- missing values -----------------------------------------------------------------------


def _optional(c: Column) -> bool:
    return not c.required and c.key_position is None


# --- dates --------------------------------------------------------------------------------


def _date_moved(test: Callable[[Column], bool], interval: str) -> Make:
    def make(target: Target, share: float) -> Change | None:
        column = _first(target.columns(lambda c: _is("date")(c) and test(c)))
        if column is None or "%d" not in (column.date_format or "%d"):
            return None
        moved = _written(column, f"({_as_date(target, column)} + interval '{interval}')")
        return Change((column.name,), set={column.name: moved}, pick=_some(share))

    return make


def _date_fixed(test: Callable[[Column], bool], date: str) -> Make:
    def make(target: Target, share: float) -> Change | None:
        column = _first(target.columns(lambda c: _is("date")(c) and test(c)))
        if column is None or "%d" not in (column.date_format or "%d"):
            return None
        text = _written(column, date.replace("{}", _as_date(target, column)))
        filled = f"{quote(column.name)} is not null"
        return Change((column.name,), set={column.name: text}, pick=f"{filled} and {_some(share)}")

    return make


def _birth(c: Column) -> bool:
    return "birth" in c.name or c.name in ("dob", "birthdate")


def _event(c: Column) -> bool:
    return not _birth(c)


# --- columns ------------------------------------------------------------------------------


def _exchanged(one: Callable[[Column], bool], other: Callable[[Column], bool]) -> Make:
    """Two columns change places."""

    def make(target: Target, share: float) -> Change | None:
        first = _first(target.columns(one))
        second = _first([c for c in target.columns(other) if first and c.name != first.name])
        if first is None or second is None:
            return None
        return Change(
            (first.name, second.name),
            set={first.name: quote(second.name), second.name: quote(first.name)},
            pick=_some(share),
        )

    return make


def _shifted(target: Target, share: float) -> Change | None:
    """Every column holds what belongs to the one before it: a stray delimiter."""
    names = [c.name for c in target.table.columns]
    if len(names) < 4:
        return None
    moved = {b: quote(a) for a, b in pairwise(names)}
    return Change(tuple(moved), set=moved, pick=_some(share))


def _restated(test: Callable[[Column], bool], text: str) -> Make:
    """A snapshot tells the past of its older half anew."""

    def make(target: Target, share: float) -> Change | None:
        if target.contract.delivery_kind != "snapshot" or not target.table.key:
            return None
        found = [c for c in target.columns(test) if c.key_position is None]
        column = _first(found)
        if column is None:
            return None
        name = quote(column.name)
        value = text.replace("{}", name)
        pick = f"_row_number <= {target.rows // 2} and {_some(share * 2)} and {name} is not null"
        return Change((column.name,), set={column.name: value}, pick=pick)

    return make


def _period_wrong(target: Target, share: float) -> Change | None:
    """The rows name the month before."""
    found = target.columns(
        lambda c: c.name.endswith(("_month", "period")) and target.different[c.name] == 1, 1.0
    )
    column = _first([c for c in found if c.key_position is not None])
    if column is None or target.before is None:
        return None
    name = quote(column.name)
    return Change(
        (column.name,), set={column.name: f"(select min({name}) from {target.before} as earlier)"}
    )


_HALF = (0.05, 0.2, 0.5)
_PERCENT = (0.01, 0.05, 0.2)
_LOST = (0.1, 0.3, 0.5)
_ssn = _named("ssn", "social_security")
_number = lambda c: _is("integer")(c) or _is("number")(c)  # noqa: E731
_amount = lambda c: _number(c) and c.key_position is None  # noqa: E731
_digits_id = "lpad(cast(abs(hashtext({})) as text), length({}), '7')"

# Material from: a share of rows or values from which a rate built on the column is wrong by a
# tenth or more (2026-11-25, before any of them was tried). What breaks the contract is material
# at any strength.
FAULTS: tuple[Fault, ...] = (
    Fault("rows lost at random", _rows_lost, _LOST, 0.3),
    Fault("rows lost at the end", _tail_lost, _LOST, 0.3),
    Fault("rows lost at the start", _head_lost, _LOST, 0.3),
    Fault("no rows at all", _all_lost),
    Fault("rows delivered twice", _rows_twice, (0.01, 0.2, 1.0)),
    Fault("rows fanned out under new keys", _fan_out, (0.1, 0.4, 1.0), 0.4),
    Fault("last period again", _stale),
    Fault("most frequent code vanished", _one_value_lost(_coded, 40), (0.0,)),
    Fault("second code vanished", _one_value_lost(_coded, 12), (1.0,)),
    Fault("largest provider missing", _one_value_lost(
        lambda c: _named("provider", "school", "project", "facility", "agency", "organization",
                         "employer", "site", "plan")(c) and c.codes is None, 60), (0.0,)),
    Fault("largest place missing", _one_value_lost(
        lambda c: _named("county", "city", "zip", "tract", "district")(c), 60), (0.0,)),
    Fault("code recoded", _recoded, (0.05, 0.5, 1.0), 0.5),
    Fault("two codes exchanged", _codes_exchanged, (0.5, 1.0), 0.5),
    Fault("new code", _set(_coded, "'Q?'"), _PERCENT),
    Fault("code in lower case or padded", _set(_coded, "' ' || lower({})"), (0.05, 1.0)),
    Fault("sex of one kind only", _sex_flipped, (0.2, 0.5, 1.0), 0.5),
    Fault("optional column emptied", _set(_optional, "null"), _HALF, 0.2),
    Fault("name emptied", _set(lambda c: _optional(c) and "name" in c.name, "null"), _HALF, 0.2),
    Fault("birth date emptied", _set(
        lambda c: _optional(c) and _birth(c), "null"), _HALF, 0.2),
    Fault("number emptied", _set(lambda c: _optional(c) and _number(c), "null"), _HALF, 0.2),
    Fault("code emptied", _set(lambda c: _optional(c) and _coded(c), "null"), _HALF, 0.2),
    Fault("required column emptied", _set(
        lambda c: c.required and c.key_position is None, "null"), _PERCENT),
    Fault("key emptied", _set(lambda c: c.key_position is not None, "null"), _PERCENT),
    Fault("id cut by a character", _set(_id, "left({}, -1)"), (0.2, 1.0)),
    Fault("id cut by three characters", _set(_id, "left({}, -3)"), (0.2, 1.0)),
    Fault("leading zeros of an id dropped", _set(
        lambda c: _id(c), "regexp_replace({}, '^.0*', '')"), (0.2, 1.0)),
    Fault("id with a prefix", _set(_id, "'X-' || {}"), (0.2, 1.0)),
    Fault("id in scientific notation", _set(
        _id, "left(regexp_replace({}, '\\D', '1', 'g'), 1) || '.11E+08'"), (0.2, 1.0)),
    Fault("ids issued anew", _set(_id, _digits_id), (0.2, 0.5, 1.0), 0.5),
    Fault("id replaced by a placeholder", _set(
        _id, "repeat('9', length({}))"), _HALF, 0.2),
    Fault("ids moved to other persons", _set(
        lambda c: _id(c), "reverse({})"), (0.5, 1.0), 0.5),
    Fault("social security number placeholder", _set(_ssn, "'999999999'"), _HALF, 0.2),
    Fault("social security number emptied", _set(_ssn, "null"), _HALF, 0.2),
    Fault("social security number with dashes", _set(
        _ssn, "regexp_replace({}, '^(.{3})(.{2})', '\\1-\\2-')"), (0.2, 1.0)),
    Fault("event date a month late", _date_moved(_event, "1 month"), (0.2, 0.5, 1.0), 0.5),
    Fault("event date a year early", _date_moved(_event, "-1 year"), (0.2, 0.5, 1.0), 0.2),
    Fault("event date a day off", _date_moved(_event, "1 day"), (1.0,), 2.0),
    Fault("birth date ten years off", _date_moved(_birth, "-10 years"), (0.2, 0.5, 1.0), 0.5),
    Fault("birth date is the first of January", _date_fixed(
        _birth, "date_trunc('year', {})"), (0.2, 0.5, 1.0), 2.0),
    Fault("birth date default 1900", _date_fixed(_birth, "date '1900-01-01'"), _HALF, 0.2),
    Fault("event date default 1900", _date_fixed(_event, "date '1900-01-01'"), _HALF, 0.2),
    Fault("event date open-end sentinel", _date_fixed(_event, "date '9999-12-31'"), _HALF, 0.2),
    Fault("event date all the same", _date_fixed(_event, "date '2024-01-01'"), _HALF, 0.2),
    Fault("date in the future", _date_moved(_event, "20 years"), _HALF, 0.2),
    Fault("date in another format", _set(
        _is("date"), "replace(replace({}, '/', '.'), '-', '.') || ' 00:00'"), _PERCENT),
    Fault("impossible date", _set(_is("date"), "regexp_replace({}, '\\d', '9', 'g')"), (0.05, 0.2)),
    Fault("number times 100", _set(_amount, "cast(cast({} as numeric) * 100 as text)"), _HALF, 0.2),
    Fault("number times 10", _set(_amount, "cast(cast({} as numeric) * 10 as text)"), _HALF, 0.2),
    Fault("number negative", _set(_amount, "'-' || {}"), _HALF, 0.2),
    Fault("number zero", _set(_amount, "'0'"), _HALF, 0.2),
    Fault("number constant", _set(_amount, "'42'"), _HALF, 0.5),
    Fault("number with decimal comma", _set(_number, "{} || ',00'"), _PERCENT),
    Fault("first and last name exchanged", _exchanged(
        lambda c: _named("first_name", "firstname", "given")(c),
        lambda c: _named("last_name", "lastname", "surname", "family_name")(c)),
        (0.05, 0.5, 1.0), 0.5),
    Fault("two dates exchanged", _exchanged(_is("date"), _is("date")), (0.5, 1.0), 0.5),
    Fault("two coded columns exchanged", _exchanged(_coded, _coded), (0.2, 1.0)),
    Fault("columns shifted by one", _shifted, (0.01, 0.2, 1.0)),
    Fault("text cut at four characters", _set(
        lambda c: _free(c) and c.key_position is None, "left({}, 4)"), (0.2, 0.5, 1.0), 0.5),
    Fault("names masked", _set(
        lambda c: _free(c) and "name" in c.name, "'XXXX'"), _HALF, 0.2),
    Fault("period of the rows is the month before", _period_wrong),
    Fault("past restated: codes", _restated(
        _coded, "(select {} from clean where {} is not null group by 1 order by count(*) desc, 1 "
        "offset 1 limit 1)"), (0.02, 0.1, 0.3), 0.1),
    Fault("past restated: text", _restated(_free, "{} || ' II'"), (0.02, 0.1, 0.3), 0.1),
    Fault("past restated: dates", _restated(_is("date"), "null"), (0.02, 0.1, 0.3), 0.1),
)  # fmt: skip


def statement(target: Target, change: Change, clean: str, spoilt: str, columns: list[str]) -> str:
    """SQL that fills the table `spoilt` with the rows of `clean` after the fault."""
    names = ", ".join(map(quote, columns))
    source = f"{change.instead} as instead" if change.instead else "clean"
    made = ", ".join(
        f"case when {change.pick} then {change.set[n]} else {quote(n)} end"
        if n in change.set
        else quote(n)
        for n in columns
    )
    kept = f"not coalesce({change.drop}, false)" if change.drop else "true"
    rows = f"select _row_number, {made} from {source} where {kept}"
    if change.repeat:
        again = ", ".join(change.anew.get(n, quote(n)) for n in columns)
        rows += (
            f" union all select _row_number + {target.rows}, {again} from clean "
            f"where {change.repeat}"
        )
    return (
        f"with clean as (select * from {clean}) insert into {spoilt} (_row_number, {names}) {rows}"
    )
