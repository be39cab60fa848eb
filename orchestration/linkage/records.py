"""What linkage reads: identity.identity_record, and what each field is compared as.

Add here: a column linkage compares, or a cleaning step that only comparing needs. Keep out:
standardising proper (dbt does that once, for everyone) and every column of a truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError
from orchestration.linkage import encoding, store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    import numpy
    import psycopg
    import pyarrow

SOURCE = "identity.identity_record"

# Everything linkage knows about a record. last_load_id is read beside it but is no part of its
# id: a re-delivered snapshot moves it without moving anybody.
IDENTITY_COLUMNS = (
    "identity_record_id",
    "source_system",
    "source_person_key",
    "first_name",
    "middle_name",
    "last_name",
    "suffix",
    "maiden_name",
    "birth_date",
    "birth_date_precision",
    "ssn",
    "ssn_last4",
    "sex",
    "address_key",
    "zip",
    "plurality_order",
    "is_linkable",
)
COLUMNS = (*IDENTITY_COLUMNS, "last_load_id")
_KEY = ("identity_record_id", "source_system", "source_person_key")
# What many records share; read as dictionaries, which takes half the memory and no time.
REPEATED = tuple(name for name in COLUMNS if name not in (*_KEY, "ssn"))

# Sr is the first of a name, Jr the second.
GENERATIONS = {
    "SR": 1, "I": 1, "JR": 2, "II": 2, "2ND": 2, "III": 3, "3RD": 3, "IV": 4, "4TH": 4, "V": 5,
}  # fmt: skip

# Written where no given name is known; two of them are no agreement. Vital records and
# hospitals write the first group for a newborn, shelters and jails the second, a census the
# rest: whoever answers for a household gives a title, an age or a relation instead of a name.
NOT_A_FIRST_NAME = (
    "BABY", "BABYBOY", "BABYGIRL", "BOY", "GIRL", "INFANT", "NEWBORN", "CHILD", "SON", "DAUGHTER",
    "UNKNOWN", "UNK", "UNNAMED", "NONAME", "NONE", "REFUSED", "ANONYMOUS", "TEST", "NA", "NFN",
    "FNU",
    "MR", "MRS", "MS", "MISS", "SIR", "MADAM", "LADY", "GENTLEMAN", "GENTLEMEN", "WOMAN", "MAN",
    "MALE", "FEMALE", "ADULT", "MINOR", "KID", "TEEN", "TEENAGER", "TODDLER", "PERSON", "RESIDENT",
    "OCCUPANT", "TENANT", "GUEST", "ROOMMATE", "HOUSEHOLDER", "OLDEST", "ELDEST", "YOUNGEST",
    "MIDDLE", "MALECHILD", "FEMALECHILD", "CHILDONE", "CHILDTWO", "MOTHER", "FATHER", "MOM", "DAD",
    "HUSBAND", "WIFE", "SPOUSE", "PARTNER", "SISTER", "BROTHER", "SIBLING", "GRANDSON",
    "GRANDDAUGHTER", "GRANDCHILD", "GRANDMOTHER", "GRANDFATHER", "GRANDMA", "GRANDPA", "NEPHEW",
    "NIECE", "COUSIN", "UNCLE", "AUNT", "STEPSON", "STEPDAUGHTER", "FOSTERCHILD", "HIJO", "HIJA",
    "NINO", "BEBE", "SENOR", "SENORA", "SENORITA",
)  # fmt: skip
NOT_A_LAST_NAME = ("UNKNOWN", "UNK", "NONE", "REFUSED", "ANONYMOUS", "NLN", "LNU", "TEST", "NA")

# Parts of a surname that many unrelated families share.
PARTICLES = (
    "DE", "DEL", "DELA", "LA", "LAS", "LOS", "DA", "DAS", "DI", "DU", "DOS", "VAN", "VON", "DER",
    "DEN", "TER", "EL", "AL", "BIN", "IBN", "ABU", "MC", "MAC", "SAN", "SANTA", "ST",
)  # fmt: skip


# A number under which more given names than this appear is a placeholder nobody has published
# yet, or an office's own; it is treated as missing. A family that lends one number around has
# fewer (the largest in 20,000 fictional persons: 4).
MAX_NAMES_PER_SSN = 8
_BUCKETS = 4_194_301


@dataclass(frozen=True)
class Inputs:
    """hashes: one number an identity record, that of its id, ascending; newest_load: any was seen
    in, 0 when there is none; any_encoded: does a source deliver encodings."""

    hashes: numpy.ndarray
    newest_load: int
    any_encoded: bool

    @property
    def count(self) -> int:
        return len(self.hashes)

    @property
    def fingerprint(self) -> str:
        """Changes when any identity record does."""
        return f"{self.count}:{int(self.hashes.view('uint64').sum())}"


# An identity record's id is a hash of its fields, so the ids tell everything. They are compared
# as numbers of 64 bits: that one of a million new ids has the number of one of a hundred million
# others, and waits for a full run, happens in one of 200,000 runs; a join of the ids themselves
# took the server three times as long (2026-11-26).
HASH = "hashtextextended(identity_record_id, 0)"


def inputs(connection: psycopg.Connection) -> Inputs:
    """What identity_record holds now, in one pass over it.

    Raises LifecourseError when the identity layer is not built.
    """
    import numpy

    demand_source(connection)
    hashes, facts = store.numbers(
        connection,
        # offset 0: or the server would hash every id twice
        f"(select {HASH} as hash, last_load_id, encoding from {SOURCE} offset 0) as record",
        facts="coalesce(max(last_load_id), 0), count(encoding) > 0",
        rows=_about(connection, SOURCE),
        hash="bigint",
    )
    newest, any_encoded = list(zip(*facts, strict=True)) or ((), ())
    return Inputs(numpy.sort(hashes), max(newest, default=0), any(any_encoded))


def seen(connection: psycopg.Connection) -> numpy.ndarray:
    """The hashes (as Inputs has them) of the identity records that the last run saw."""
    import numpy

    return numpy.sort(
        store.numbers(
            connection,
            f"(select {HASH} as hash from linkage.variant offset 0) as record",
            rows=_about(connection, "linkage.variant"),
            hash="bigint",
        )
    )


def _about(connection: psycopg.Connection, table: str) -> int | None:
    """How many rows the server thinks a table has; None when it has not looked."""
    about = connection.execute(
        "select reltuples::bigint from pg_class where oid = to_regclass(%s)", [table]
    ).fetchone()[0]
    return about if about >= 0 else None


def read(
    connection: psycopg.Connection,
    source: str = SOURCE,
    *,
    only: str = "true",
    more: Mapping[str, pyarrow.DataType] = MappingProxyType({}),
) -> pyarrow.Table:
    """Every record of `source`, in a fixed order, with its row number as `rid`. All fields text
    but rid.

    source: SQL of a table with COLUMNS. only: SQL over its columns, when not every record is
    wanted. more: further columns of it and their types.
    """
    import pyarrow
    from pyarrow import csv

    demand_source(connection)
    # spelled out, because a server may write dates in another style
    fields = ", ".join((*COLUMNS, *more)).replace(
        "birth_date,", "to_char(birth_date, 'YYYY-MM-DD') as birth_date,", 1
    )
    buffer = pyarrow.BufferOutputStream()
    with connection.cursor().copy(
        f"copy (select {fields} from {source} where {only}) to stdout (format csv, header)"
    ) as copy:
        for block in copy:
            buffer.write(block)
    table = csv.read_csv(
        pyarrow.BufferReader(buffer.getvalue()),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={
                **dict.fromkeys(COLUMNS, pyarrow.string()),
                **dict.fromkeys(REPEATED, pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
                **more,
            },
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    return _in_order(table)


def together(*tables: pyarrow.Table) -> pyarrow.Table:
    """Tables as `read` gives them, with the same further columns, as one."""
    import pyarrow

    unnumbered = (table.drop_columns(["rid"]) for table in tables)
    return _in_order(pyarrow.concat_tables(unnumbered).unify_dictionaries())


def _in_order(table: pyarrow.Table) -> pyarrow.Table:
    """The table in its fixed order, with `rid`."""
    import numpy
    import pyarrow

    # Sorted here, by the bytes of the texts: the server takes ten times as long over it, which was
    # more than the rest of the reading (2026-11-26).
    order = [(name, "ascending") for name in (*_KEY[1:], _KEY[0])]
    table = table.sort_by(order).combine_chunks()
    return table.append_column("rid", pyarrow.array(numpy.arange(table.num_rows, dtype="int32")))


def prepare(
    duck: duckdb.DuckDBPyConnection,
    table: pyarrow.Table,
    *,
    placeholders: Sequence[str] = (),
) -> None:
    """Make table `record` in DuckDB: one row per identity record, fields ready to compare.

    table: text columns, dictionary-encoded or not, in the order of rid. Fields become codes
    (encoding.py), -1 where missing; the texts behind them are kept once each, in the tables
    `<dictionary>_word`. fn, mn, ln: names in one piece; addr, zip_code, sex, plurality_order: as
    delivered; dob: YYYYMMDD where the day is known, ym: YYYYMM, yr: YYYY; ssn, ssn4: the number;
    generation: 1 for SR, 2 for JR or II, and so on. Table `given_form` (given, form): the formal
    names a given name may stand for, where that is not itself alone; `further_surname` (rid, ln):
    the surname, its parts and the maiden name, where that is not the surname alone.
    placeholders: numbers known to be nobody's (MAX_NAMES_PER_SSN), where the records are a part;
    those found and those given are table `placeholder` (shared).
    """
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    text = {name: encoding.dictionary(table[name]) for name in REPEATED}
    codes, words = _names(duck, text)
    for name, column in (
        ("addr", "address_key"),
        ("zip_code", "zip"),
        ("sex", "sex"),
        ("plurality_order", "plurality_order"),
    ):
        words[name], coded = encoding.ranked({name: text[column]})
        codes[name] = coded[name]
    for name, known in words.items():
        _keep(duck, f"{name}_word", code=numpy.arange(len(known), dtype="int32"), word=known)

    def number(column: str, of: Callable[[pyarrow.Array], pyarrow.Array]) -> numpy.ndarray:
        """An integer per record, worked out once for each distinct text."""
        told = of(text[column].dictionary).cast(pyarrow.int32()).fill_null(encoding.MISSING)
        return numpy.append(told.to_numpy(), encoding.MISSING).astype("int32")[
            encoding.indices(text[column])
        ]

    precise = pyarrow.array(["year", "month", "day"])
    born = number("birth_date", lambda said: compute.replace_substring(said, "-", ""))
    parts = number(
        "birth_date_precision",
        lambda said: compute.index_in(said, precise),
    )
    parts[born < 0] = encoding.MISSING
    for name, least, unit in (("dob", 2, 1), ("ym", 1, 100), ("yr", 0, 10_000)):
        codes[name] = numpy.where(parts >= least, born // unit, encoding.MISSING).astype("int32")
    ssn = table["ssn"].cast(pyarrow.int32()).fill_null(encoding.MISSING).to_numpy()
    ssn4 = number("ssn_last4", lambda said: said)
    ssn4 = numpy.where((ssn4 < 0) & (ssn >= 0), ssn % 10_000, ssn4)
    shared = numpy.union1d(
        _of_many_names(ssn, codes["fn"]), numpy.array([int(one) for one in placeholders], "int32")
    )
    nobodys = numpy.isin(ssn, shared) if len(shared) else numpy.zeros(len(ssn), dtype=bool)
    codes["ssn"] = numpy.where(nobodys, encoding.MISSING, ssn).astype("int32")
    codes["ssn4"] = numpy.where(nobodys, encoding.MISSING, ssn4).astype("int32")
    codes["generation"] = number("suffix", _generations)
    has = {name: code >= 0 for name, code in codes.items()}
    is_linkable = number("is_linkable", lambda said: compute.equal(said, "t")) != 0
    is_linkable &= has["fn"] | has["ln"] | (has["dob"] & has["ssn"])
    is_linkable &= (
        has["yr"] | has["ssn4"] | (has["fn"] & has["ln"] & (has["addr"] | has["zip_code"]))
    )
    _keep(duck, "placeholder", shared=pyarrow.array([f"{one:09}" for one in shared], "string"))
    _keep(
        duck,
        "record",
        **{name: table[name] for name in ("rid", *_KEY)},
        last_load_id=numpy.maximum(number("last_load_id", lambda said: said), 0),
        **codes,
        is_linkable=is_linkable,
    )


def _keep(duck: duckdb.DuckDBPyConnection, table: str, **columns: object) -> None:
    import pyarrow

    duck.register("_incoming", pyarrow.table(columns))
    duck.execute(f"create or replace table {table} as select * from _incoming")
    duck.unregister("_incoming")


def _of_many_names(ssn: numpy.ndarray, fn: numpy.ndarray) -> numpy.ndarray:
    """The numbers under which more than MAX_NAMES_PER_SSN given names appear."""
    import numpy

    # Counted in buckets first: sorting all numbers of five million records took a second.
    buckets = min(_BUCKETS, 2 * len(ssn) + 1)
    bucket = ssn % buckets
    times = numpy.bincount(bucket[ssn >= 0], minlength=buckets)
    often = numpy.flatnonzero((times[bucket] > MAX_NAMES_PER_SSN) & (ssn >= 0))
    ssn, fn = ssn[often], fn[often]
    known = numpy.sort(ssn)
    start = encoding.starts(known)
    crowded = known[start][numpy.diff(numpy.append(start, len(known))) > MAX_NAMES_PER_SSN]
    if not len(crowded):
        return crowded
    named = numpy.isin(ssn, crowded) & (fn >= 0)
    pairs = numpy.unique((ssn[named].astype("int64") << 32) | fn[named])
    number, names = numpy.unique(pairs >> 32, return_counts=True)
    return number[names > MAX_NAMES_PER_SSN].astype("int32")


def _generations(suffix: pyarrow.Array) -> pyarrow.Array:
    import pyarrow

    return pyarrow.array(
        [GENERATIONS.get(said.upper().replace(".", "")) for said in suffix.to_pylist()], "int32"
    )


def _names(
    duck: duckdb.DuckDBPyConnection, text: dict[str, pyarrow.DictionaryArray]
) -> tuple[dict[str, numpy.ndarray], dict[str, pyarrow.Array]]:
    """Codes of fn, mn and ln by record, and their one dictionary; makes tables `given_form` and
    `further_surname`. A name is cleaned once, not once a record."""
    import numpy
    import pyarrow
    import pyarrow.compute as compute

    def cleaned(sql: str, **typed: pyarrow.Array) -> pyarrow.Table:
        place = numpy.arange(len(next(iter(typed.values()))), dtype="int32")
        duck.register("typed", pyarrow.table({"place": place, **typed}))
        found = duck.sql(sql).to_arrow_table().combine_chunks()
        duck.unregister("typed")
        return found

    duck.register("nickname", _nickname_table())
    given = cleaned(_GIVEN, name=text["first_name"].dictionary)
    middle = cleaned(_MIDDLE, name=text["middle_name"].dictionary)
    # a surname is cleaned together with the maiden name
    maiden = encoding.indices(text["maiden_name"])
    count = len(text["maiden_name"].dictionary) + 1
    last = encoding.indices(text["last_name"]).astype("int64")
    together = pyarrow.array(last * count + maiden + 1, mask=last < 0).dictionary_encode()
    pair = together.dictionary.to_numpy()
    family = cleaned(
        _FAMILY,
        last_name=text["last_name"].dictionary.take(pyarrow.array(pair // count)),
        maiden_name=text["maiden_name"].dictionary.take(
            pyarrow.array(pair % count - 1, mask=pair % count == 0)
        ),
    )
    further = {
        name: compute.list_flatten(lists[name]).combine_chunks()
        for name, lists in (("forms", given), ("surnames", family))
    }
    words, coded = encoding.ranked(
        {
            name: values.cast(pyarrow.string()).dictionary_encode()
            for name, values in (
                ("fn", given["fn"].combine_chunks()),
                ("mn", middle["mn"].combine_chunks()),
                ("ln", family["ln"].combine_chunks()),
                *further.items(),
            )
        }
    )
    codes = {
        name: numpy.append(coded[name], encoding.MISSING).astype("int32")[encoding.indices(of)]
        for name, of in (
            ("fn", text["first_name"]),
            ("mn", text["middle_name"]),
            ("ln", together),
        )
    }
    # several spellings may be one name
    form_of = coded["fn"][compute.list_parent_indices(given["forms"]).to_numpy()]
    forms = numpy.unique((form_of.astype("int64") << 32) | coded["forms"])
    _keep(duck, "given_form", given=(forms >> 32).astype("int32"),
          form=(forms & 0xFFFFFFFF).astype("int32"))  # fmt: skip
    surname_of = compute.list_parent_indices(family["surnames"]).to_numpy()
    rid, at = encoding.expanded(encoding.indices(together), surname_of)
    _keep(duck, "further_surname", rid=rid, ln=coded["surnames"][at])
    return codes, {"name": words}


# `typed`: a dictionary of names and the place of each. One piece of letters; null for a word that
# is no name.
_GIVEN = f"""
    with cleaned as (
        select place, nullif(regexp_replace(name, '[^A-Z]', '', 'g'), '') as written from typed
    ),
    known as (
        select
            place,
            case when written not in {NOT_A_FIRST_NAME} and length(written) > 1
                then written end as fn
        from cleaned
    )
    select fn, forms from known left join nickname on name = fn order by place
"""
_MIDDLE = """
    select nullif(regexp_replace(name, '[^A-Z]', '', 'g'), '') as mn from typed order by place
"""
_FAMILY = f"""
    with cleaned as (
        select
            place,
            nullif(regexp_replace(last_name, '[^A-Z]', '', 'g'), '') as written,
            case when written not in {NOT_A_LAST_NAME} then written end as ln,
            list_sort(list_distinct(list_filter(
                [ln, regexp_replace(coalesce(maiden_name, ''), '[^A-Z]', '', 'g')]
                || regexp_split_to_array(last_name, '[^A-Z]+')
                || regexp_split_to_array(coalesce(maiden_name, ''), '[^A-Z]+'),
                lambda part: part = ln or (length(part) >= 3 and part not in {PARTICLES})
            ))) as surnames
        from typed
    )
    select ln, case when ln is not null and len(surnames) > 1 then surnames end as surnames
    from cleaned order by place
"""


def nicknames() -> dict[str, set[str]]:
    """The formal names each given name may stand for, from nicknames.csv beside this module."""
    import csv

    forms: dict[str, set[str]] = {}
    with (Path(__file__).parent / "nicknames.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name in (row["formal"], *row["short"].split()):
                forms.setdefault(name, set()).add(row["formal"])
    return forms


@cache
def _nickname_table() -> pyarrow.Table:
    """name and forms: its sorted formal names, the name itself among them."""
    import pyarrow

    known = nicknames()
    return pyarrow.table(
        {"name": list(known), "forms": [sorted({name, *forms}) for name, forms in known.items()]}
    )


def demand_source(connection: psycopg.Connection) -> None:
    """Raises LifecourseError when the identity layer is not built."""
    if connection.execute("select to_regclass(%s)", [SOURCE]).fetchone()[0] is None:
        raise LifecourseError(
            f"Linkage found no table {SOURCE}; build the identity layer first "
            "(dbt build --select tag:before_linkage)."
        )
