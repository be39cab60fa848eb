"""What linkage reads: identity.identity_record, and what each field is compared as.

Add here: a column linkage compares, or a cleaning step that only comparing needs. Keep out:
standardising proper (dbt does that once, for everyone) and every column of a truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
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


@dataclass(frozen=True)
class Inputs:
    """count: identity records; fingerprint: changes when any of them does; newest_load: any was
    seen in, 0 when there is none."""

    count: int
    fingerprint: str
    newest_load: int


def inputs(connection: psycopg.Connection) -> Inputs:
    """What identity_record holds now, in one pass over it: an identity record's id is a hash of
    its fields, so the ids tell everything.

    Raises LifecourseError when the identity layer is not built.
    """
    demand_source(connection)
    count, total, newest = connection.execute(
        "select count(*), coalesce(sum(hashtextextended(identity_record_id, 0)), 0),"
        f" coalesce(max(last_load_id), 0) from {SOURCE}"
    ).fetchone()
    return Inputs(count, f"{count}:{total}", newest)


def read(connection: psycopg.Connection, *, only: str = "true") -> pyarrow.Table:
    """Every record, in a fixed order, with its row number as `rid`. All fields text but rid.

    only: SQL over the columns of identity_record, when not every record is wanted.
    """
    import numpy
    import pyarrow
    from pyarrow import csv

    demand_source(connection)
    # spelled out, because a server may write dates in another style
    fields = ", ".join(COLUMNS).replace(
        "birth_date,", "to_char(birth_date, 'YYYY-MM-DD') as birth_date,", 1
    )
    query = (
        f"copy (select {fields} from {SOURCE} where {only}"
        ' order by source_system collate "C", source_person_key collate "C",'
        ' identity_record_id collate "C") to stdout (format csv, header)'
    )
    buffer = pyarrow.BufferOutputStream()
    with connection.cursor().copy(query) as copy:
        for block in copy:
            buffer.write(block)
    table = csv.read_csv(
        pyarrow.BufferReader(buffer.getvalue()),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(COLUMNS, pyarrow.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    return table.append_column("rid", pyarrow.array(numpy.arange(table.num_rows, dtype="int32")))


def prepare(
    duck: duckdb.DuckDBPyConnection,
    table: pyarrow.Table,
    *,
    fingerprints: bool = True,
    placeholders: Sequence[str] = (),
) -> None:
    """Make table `record` in DuckDB: one row per identity record, fields ready to compare.

    fn, ln: given name and surname in one piece; fn_forms: the formal names a given name may
    stand for, null where it stands for itself alone; surnames: ln, each part of it and the
    maiden name, null where that is ln alone; dob: YYYYMMDD where the day is known, ym: YYYYMM,
    yr: YYYY, all integers; generation: 1 for SR, 2 for JR or II, and so on. fingerprints: add
    row_hash, which a run with a memory of the last one compares. placeholders: numbers known
    to be nobody's (MAX_NAMES_PER_SSN), where the records are a part; those found and those given
    are table `placeholder` (shared).
    """
    duck.register("identity_record", table)
    duck.execute("create or replace table nickname as " + _nicknames_sql())
    _clean_names(duck)
    # of the few numbers that many records have, those of many names
    duck.execute(
        f"""
        create or replace table placeholder as
        with crowded as (
            select ssn from identity_record where ssn is not null
            group by ssn having count(*) > {MAX_NAMES_PER_SSN}
        )
        select ssn as shared from identity_record
        semi join crowded using (ssn)
        join given using (first_name)
        group by ssn having count(distinct fn) > {MAX_NAMES_PER_SSN}
        """
    )
    duck.execute(
        "insert into placeholder select unnest(?::varchar[]) except select shared from placeholder",
        [list(placeholders)],
    )
    every_field = ", ".join(
        f"coalesce(identity_record.{column}, '~')" for column in IDENTITY_COLUMNS
    )
    row_hash = f", md5(concat_ws('|', {every_field})) as row_hash"
    duck.execute(
        f"""
        create or replace table record as
        with cleaned as (
            select
                rid,
                identity_record_id,
                source_system,
                source_person_key,
                cast(coalesce(last_load_id, '0') as integer) as last_load_id,
                given.fn,
                given.forms as fn_forms,
                middle.mn,
                family.ln,
                family.surnames,
                case when suffix is not null then case replace(upper(suffix), '.', '')
                    when 'SR' then 1 when 'I' then 1
                    when 'JR' then 2 when 'II' then 2 when '2ND' then 2
                    when 'III' then 3 when '3RD' then 3
                    when 'IV' then 4 when '4TH' then 4 when 'V' then 5
                end end as generation,
                cast(replace(birth_date, '-', '') as integer) as born,
                case when birth_date_precision = 'day' then born end as dob,
                case when birth_date_precision in ('day', 'month') then born // 100 end as ym,
                case when birth_date_precision is not null then born // 10000 end as yr,
                ssn,
                coalesce(ssn_last4, right(ssn, 4)) as ssn4,
                sex,
                address_key as addr,
                zip as zip_code,
                plurality_order,
                coalesce(identity_record.is_linkable, 't') = 't' as is_linkable
                {row_hash if fingerprints else ""}
            from identity_record
            left join given using (first_name)
            left join middle using (middle_name)
            left join family
                on identity_record.last_name = family.last_name
                and coalesce(identity_record.maiden_name, '') = family.maiden_name
        ),
        numbered as (
            select
                * replace (
                    case when shared is null then ssn end as ssn,
                    case when shared is null then ssn4 end as ssn4,
                    is_linkable
                    and (
                        fn is not null or ln is not null
                        or (dob is not null and shared is null and ssn is not null)
                    )
                    and (
                        yr is not null or (shared is null and ssn4 is not null)
                        or (fn is not null and ln is not null
                            and (addr is not null or zip_code is not null))
                    ) as is_linkable
                )
            from cleaned
            left join placeholder on shared = ssn
        )
        select * exclude (born, shared) from numbered
        """
    )
    duck.unregister("identity_record")


def _clean_names(duck: duckdb.DuckDBPyConnection) -> None:
    """Tables `given`, `middle`, `family`: each name as typed and what it is compared as. A name
    is cleaned once, not once a record."""
    duck.execute(
        f"""
        create or replace table given as
        with typed as (
            select distinct
                first_name, nullif(regexp_replace(first_name, '[^A-Z]', '', 'g'), '') as cleaned
            from identity_record where first_name is not null
        ),
        known as (
            select
                first_name,
                case when cleaned not in {NOT_A_FIRST_NAME} and length(cleaned) > 1
                    then cleaned end as fn
            from typed
        )
        select first_name, fn, forms from known left join nickname on name = fn
        """
    )
    duck.execute(
        """
        create or replace table middle as
        select distinct
            middle_name, nullif(regexp_replace(middle_name, '[^A-Z]', '', 'g'), '') as mn
        from identity_record where middle_name is not null
        """
    )
    duck.execute(
        f"""
        create or replace table family as
        with typed as (
            select distinct last_name, coalesce(maiden_name, '') as maiden_name
            from identity_record where last_name is not null
        ),
        cleaned as (
            select
                *,
                nullif(regexp_replace(last_name, '[^A-Z]', '', 'g'), '') as written,
                case when written not in {NOT_A_LAST_NAME} then written end as ln,
                list_sort(list_distinct(list_filter(
                    [ln, regexp_replace(maiden_name, '[^A-Z]', '', 'g')]
                    || regexp_split_to_array(last_name, '[^A-Z]+')
                    || regexp_split_to_array(maiden_name, '[^A-Z]+'),
                    lambda part: part = ln or (length(part) >= 3 and part not in {PARTICLES})
                ))) as surnames
            from typed
        )
        select
            last_name, maiden_name, ln,
            case when ln is not null and len(surnames) > 1 then surnames end as surnames
        from cleaned
        """
    )


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
def _nicknames_sql() -> str:
    """A VALUES query name -> sorted formal names, the name itself among them."""
    rows = ", ".join(
        f"('{name}', [{', '.join(repr(form) for form in sorted({name, *names}))}])"
        for name, names in sorted(nicknames().items())
    )
    return f"select * from (values {rows}) as t (name, forms)"


def demand_source(connection: psycopg.Connection) -> None:
    """Raises LifecourseError when the identity layer is not built."""
    if connection.execute("select to_regclass(%s)", [SOURCE]).fetchone()[0] is None:
        raise LifecourseError(
            f"Linkage found no table {SOURCE}; build the identity layer first "
            "(dbt build --select tag:before_linkage)."
        )
