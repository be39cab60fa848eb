"""What linkage reads: identity.identity_record, and what each field is compared as.

Add here: a column linkage compares, or a cleaning step that only comparing needs. Keep out:
standardising proper (dbt does that once, for everyone) and every column of a truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import LifecourseError

if TYPE_CHECKING:
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


def fingerprint(connection: psycopg.Connection) -> str:
    """One short text that changes when any compared field of any record changes: an identity
    record's id is a hash of its fields.

    Raises LifecourseError when the identity layer is not built.
    """
    demand_source(connection)
    count, total = connection.execute(
        f"select count(*), coalesce(sum(hashtextextended(identity_record_id, 0)), 0) from {SOURCE}"
    ).fetchone()
    return f"{count}:{total}"


def newest_load(connection: psycopg.Connection) -> int:
    """The newest load any record was seen in; 0 when there is no record."""
    return connection.execute(f"select coalesce(max(last_load_id), 0) from {SOURCE}").fetchone()[0]


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


def prepare(duck: duckdb.DuckDBPyConnection, table: pyarrow.Table) -> None:
    """Make table `record` in DuckDB: one row per identity record, fields ready to compare.

    fn, ln: given name and surname in one piece; fn_forms: the formal names a given name may
    stand for; surnames: ln, each part of it and the maiden name; dob: YYYYMMDD where the day
    is known, ym: YYYYMM, yr: YYYY; generation: 1 for SR, 2 for JR or II, and so on.
    """
    duck.register("identity_record", table)
    duck.execute("create or replace table nickname as " + _nicknames_sql())
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
                nullif(regexp_replace(first_name, '[^A-Z]', '', 'g'), '') as fn,
                nullif(regexp_replace(middle_name, '[^A-Z]', '', 'g'), '') as mn,
                nullif(regexp_replace(last_name, '[^A-Z]', '', 'g'), '') as ln,
                nullif(regexp_replace(maiden_name, '[^A-Z]', '', 'g'), '') as maiden,
                regexp_split_to_array(coalesce(last_name, ''), '[^A-Z]+')
                || regexp_split_to_array(coalesce(maiden_name, ''), '[^A-Z]+') as surname_parts,
                case replace(upper(suffix), '.', '')
                    when 'SR' then 1 when 'I' then 1
                    when 'JR' then 2 when 'II' then 2 when '2ND' then 2
                    when 'III' then 3 when '3RD' then 3
                    when 'IV' then 4 when '4TH' then 4 when 'V' then 5
                end as generation,
                case when birth_date_precision = 'day' then strftime(birth_date::date, '%Y%m%d')
                end as dob,
                case when birth_date_precision in ('day', 'month')
                    then strftime(birth_date::date, '%Y%m') end as ym,
                case when birth_date_precision is not null
                    then strftime(birth_date::date, '%Y') end as yr,
                ssn,
                coalesce(ssn_last4, right(ssn, 4)) as ssn4,
                sex,
                address_key as addr,
                plurality_order,
                coalesce(is_linkable, 't') = 't' as is_linkable,
                md5(concat_ws('|', {", ".join(f"coalesce({c}, '~')" for c in IDENTITY_COLUMNS)}))
                    as row_hash
            from identity_record
        ),
        placeholder as (
            select ssn as shared
            from (select distinct ssn, fn from cleaned where ssn is not null and fn is not null)
            group by ssn having count(*) > {MAX_NAMES_PER_SSN}
        ),
        named as (
            select
                * replace (
                    case when fn not in {NOT_A_FIRST_NAME} and length(fn) > 1 then fn end as fn,
                    case when ln in {NOT_A_LAST_NAME} then null else ln end as ln,
                    case when shared is null then ssn end as ssn,
                    case when shared is null then ssn4 end as ssn4
                )
            from cleaned
            left join placeholder on shared = ssn
        )
        select
            named.* exclude (surname_parts, maiden, is_linkable, shared),
            left(mn, 1) as mi,
            coalesce(nickname.forms, case when fn is not null then [fn] end) as fn_forms,
            case when ln is not null then list_sort(list_distinct(list_filter(
                [ln, maiden] || surname_parts,
                lambda part: part = ln or (length(part) >= 3 and part not in {PARTICLES})
            ))) end as surnames,
            is_linkable
                and (fn is not null or ln is not null)
                and (
                    yr is not null or ssn is not null or ssn4 is not null
                    or (fn is not null and ln is not null and addr is not null)
                ) as is_linkable
        from named
        left join nickname on nickname.name = named.fn
        order by rid
        """
    )
    duck.unregister("identity_record")


def nicknames() -> dict[str, set[str]]:
    """The formal names each given name may stand for, from nicknames.csv beside this module."""
    import csv

    forms: dict[str, set[str]] = {}
    with (Path(__file__).parent / "nicknames.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name in (row["formal"], *row["short"].split()):
                forms.setdefault(name, set()).add(row["formal"])
    return forms


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
