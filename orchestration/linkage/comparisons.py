"""How two nodes are compared: facts about a pair, and Splink's levels over them.

A fact is worked out once a pair and then named in braces by levels, vetoes and doubts: letter by
letter comparison is what linking spends its time on. Splink, which trains, is given the same
levels with the facts written out.
Levels that Fellegi-Sunter would wrongly add up as if they were independent are one comparison
here: surname with address (a household shares both), and a shared social security number with
unlike given names (a number borrowed in the family).
Add here: a fact, a comparison or a level; then train the models again under a new name, because
a model's weights belong to its levels. Keep out: weights, and which records they are for
(profiles.py).
"""

from __future__ import annotations

import re
from functools import cache

# Bumped by hand whenever a level changes; a model of another number is refused.
COMPARISONS_VERSION = 4


def _in_common(field: str) -> str:
    """Do two nodes share a value of `field`, also one that is not the commonest of either?"""
    return (
        f"case when {field}_l = {field}_r then true"
        f" when {field}_all_l is null and {field}_all_r is null then false"
        f" else coalesce(list_has_any(coalesce({field}_all_l, [{field}_l]),"
        f" coalesce({field}_all_r, [{field}_r])), false) end"
    )


def _similarity(field: str, same: str) -> str:
    return (
        f"case when {same} then 1.0 when {field}_l is null or {field}_r is null then 0.0"
        f" else jaro_winkler_similarity({field}_l, {field}_r) end"
    )


def _similar_part(part: int) -> str:
    left, right = (f"split_part(addr_{side}, '|', {part})" for side in "lr")
    return (
        "case when addr_l is null or addr_r is null then false"
        f" when least(length({left}), length({right})) < 4 then false"
        f" else jaro_winkler_similarity({left}, {right}) >= 0.92 end"
    )


# name -> SQL over node columns with _l and _r and over facts in braces. Never null.
FACTS: dict[str, str] = {
    "same_first": _in_common("fn"),
    "first_similarity": _similarity("fn", "{same_first}"),
    "nickname": "case when fn_forms_l is null or fn_forms_r is null then false"
    " else list_has_any(fn_forms_l, fn_forms_r) end",
    "swapped": "coalesce(fn_l = ln_r and ln_l = fn_r and fn_l <> ln_l, false)",
    "swapped_with_a_slip": "coalesce(jaro_winkler_similarity(fn_l, ln_r) >= 0.85"
    " and jaro_winkler_similarity(ln_l, fn_r) >= 0.85, false)",
    "shortened": "case when fn_l = fn_r then true else"
    " coalesce(starts_with(fn_l, fn_r) or starts_with(fn_r, fn_l)"
    " or (length(fn_l) >= 4 and length(fn_r) >= 4 and left(fn_l, 4) = left(fn_r, 4)), false) end",
    # also where the other order is known by initials only: ERIC J and JAMES E
    "middle_as_first": "(coalesce(fn_l = mn_r, false) or coalesce(fn_r = mn_l, false)"
    " or coalesce(left(fn_l, 1) = mi_r and left(fn_r, 1) = mi_l and mi_l <> mi_r, false))",
    # Given names that no nickname, spelling, shortening or use of the middle name explains.
    # Below 0.80 lie pairs like JOHN/JUAN and DANIEL/DAVID, above it one-letter slips like
    # CRYSRAL/CRYSTAL; brothers and sisters with nearer names (JAYDEN/JAYLEN) need other vetoes.
    "first_unlike": "fn_l is not null and fn_r is not null and {first_similarity} < 0.80"
    " and not ({nickname} or {shortened} or {middle_as_first} or {swapped})",
    "same_last": _in_common("ln"),
    "last_similarity": _similarity("ln", "{same_last}"),
    "last_unlike": "ln_l is not null and ln_r is not null and {last_similarity} < 0.85"
    " and not {swapped}",
    "same_address": _in_common("addr_code"),
    "same_zip_code": _in_common("zip_code"),
    "same_ssn": _in_common("ssn"),
    "same_last_four": "case when ssn_l is null or ssn_r is null then ("
    + _in_common("ssn4")
    + ") else false end",
    # Two digits exchanged differ in two places. Damerau-Levenshtein costs some forty times the
    # cheap test that guards it.
    "ssn_slip": "case when ssn_l is null or ssn_r is null then false"
    " when ssn_l = ssn_r or hamming(ssn_l, ssn_r) <= 1 then true"
    " when hamming(ssn_l, ssn_r) = 2 then damerau_levenshtein(ssn_l, ssn_r) <= 1 else false end",
    "same_date": _in_common("dob"),
    "date_slip": "case when dob_l is null or dob_r is null or dob_l = dob_r then false else ("
    # day and month exchanged
    "(left(dob_l, 4) = left(dob_r, 4) and substr(dob_l, 5, 2) = right(dob_r, 2)"
    " and right(dob_l, 2) = substr(dob_r, 5, 2))"
    " or hamming(dob_l, dob_r) = 1"
    # the last two digits of the year exchanged
    " or (right(dob_l, 4) = right(dob_r, 4) and left(dob_l, 2) = left(dob_r, 2)"
    " and substr(dob_l, 3, 1) = substr(dob_r, 4, 1)"
    " and substr(dob_l, 4, 1) = substr(dob_r, 3, 1))) end",
    "two_of_three": "case when dob_l is null or dob_r is null or dob_l = dob_r then false"
    " else (left(dob_l, 4) = left(dob_r, 4))::integer"
    " + (substr(dob_l, 5, 2) = substr(dob_r, 5, 2))::integer"
    " + (right(dob_l, 2) = right(dob_r, 2))::integer = 2 end",
    "same_month": "coalesce((dob_l is null or dob_r is null) and ym_l = ym_r, false)",
    "same_year": "coalesce((ym_l is null or ym_r is null) and yr_l = yr_r, false)",
    # Known to the day on both sides and not explained by one slip of the pen.
    "date_unlike": "case when {same_date} or {date_slip} or {two_of_three} then false"
    " when dob_l is not null and dob_r is not null then true"
    " else coalesce(yr_l <> yr_r, false) end",
    # one year and one middle initial: no parent and child, and hardly cousins
    "date_agrees": "{same_date} or {date_slip} or {two_of_three} or {same_month} or {same_year}"
    " or coalesce(yr_l = yr_r and ({same_address} or mi_l = mi_r), false)",
    "number_agrees": "{same_ssn} or {ssn_slip} or {same_last_four}",
    # Both names the same but for a slip, living at one address, and no birth date or middle
    # initial that says otherwise.
    "named_at_home": "({first_similarity} >= 0.92 or {nickname} or {shortened})"
    " and {last_similarity} >= 0.88 and {same_address}"
    " and not coalesce(mi_l <> mi_r, false) and not {date_unlike}",
    # Parts of the address key STREET|UNIT|ZIP, with |SUBURB after it where ZIP codes are large
    # (macro address_key). A unit of some letters is a building; 4B is not.
    "street_similarity": "case when {same_address} then 1.0"
    " when addr_l is null or addr_r is null then 0.0"
    " else jaro_winkler_similarity(split_part(addr_l, '|', 1), split_part(addr_r, '|', 1)) end",
    "same_building": _similar_part(2),
    "same_suburb": _similar_part(4),
    "zip_known": "coalesce(split_part(addr_l, '|', 3) <> '' and split_part(addr_r, '|', 3) <> '',"
    " false)",
    "same_zip": "case when {zip_known} then split_part(addr_l, '|', 3)"
    " = split_part(addr_r, '|', 3) else false end",
    "zip_slip": "case when {zip_known} then damerau_levenshtein(split_part(addr_l, '|', 3),"
    " split_part(addr_r, '|', 3)) <= 1 else false end",
    # Somebody who moved has another street and another place at once: one event, which two
    # comparisons would count twice.
    "moved": "addr_l is not null and addr_r is not null and {zip_known}"
    " and {street_similarity} < 0.80 and not {same_building}"
    " and not {same_zip} and not {same_suburb} and not {zip_slip}",
}
_NAMED = re.compile(r"\{(\w+)\}")
# A column of table `node` as a condition names it.
FIELD = re.compile(r"\b(\w+?)_[lr]\b")


@cache
def written_out(sql: str) -> str:
    """SQL over node columns only, for Splink."""
    return _NAMED.sub(lambda found: f"({written_out(FACTS[found[1]])})", sql)


def by_name(sql: str) -> str:
    """SQL over the columns that `layers` makes."""
    return _NAMED.sub(r"\1", sql)


def facts_of(statements: list[str]) -> list[list[str]]:
    """The facts that `statements` need, in layers: each of one layer is over earlier ones."""
    depth: dict[str, int] = {}

    def need(sql: str) -> int:
        deepest = 0
        for name in _NAMED.findall(sql):
            if name not in depth:
                depth[name] = need(FACTS[name]) + 1
            deepest = max(deepest, depth[name])
        return deepest

    last = max((need(sql) for sql in statements), default=0)
    return [[name for name in FACTS if depth.get(name) == layer] for layer in range(1, last + 1)]


def _null(sql: str) -> dict:
    return {"sql_condition": sql, "label_for_charts": "missing", "is_null_level": True}


def _level(
    sql: str,
    label: str,
    m: float,
    u: float,
    *,
    frequency_of: str | None = None,
) -> dict:
    """A level with what is believed of it before training.

    m: share of one person's pairs that fall here; u: share of two persons'. Training starts
    from them and keeps a twentieth of m (model training): a level that the training records
    happen not to show stays possible.
    """
    level: dict = {
        "sql_condition": sql,
        "label_for_charts": label,
        "m_probability": m,
        "u_probability": u,
    }
    if frequency_of:
        level["tf_adjustment_column"] = frequency_of
        level["tf_adjustment_weight"] = 1.0
    return level


_FIRST_NAME = {
    "output_column_name": "first_name",
    "comparison_levels": [
        _null("fn_l is null or fn_r is null"),
        _level("fn_l = fn_r", "same", 0.88, 0.002, frequency_of="fn"),
        _level("{same_first}", "same as another record's", 0.02, 0.0003),
        _level("{nickname}", "nickname", 0.03, 0.001),
        _level("{swapped}", "first and last names swapped", 0.003, 1e-6),
        _level("{first_similarity} >= 0.92", "one letter off", 0.03, 0.001),
        _level("{shortened}", "shortened", 0.007, 0.0005),
        _level("{middle_as_first}", "middle name used as first", 0.005, 0.0007),
        _level("{first_similarity} >= 0.80", "similar", 0.01, 0.005),
        _level("ELSE", "unlike", 0.015, 0.99),
    ],
}
_SURNAME_ADDRESS = {
    "output_column_name": "surname_address",
    "comparison_levels": [
        _null("ln_l is null or ln_r is null"),
        _level("{same_last} and {same_address}", "surname and address", 0.35, 4e-5),
        _level("ln_l = ln_r", "surname", 0.52, 0.0008, frequency_of="ln"),
        _level("{same_last} or {swapped}", "a former or part surname", 0.03, 0.00015),
        _level(
            "{last_similarity} >= 0.88 and {same_address}",
            "similar surname and address",
            0.01,
            2e-6,
        ),
        _level("{last_similarity} >= 0.88", "similar surname", 0.03, 0.0006),
        _level("{same_address}", "address, another surname", 0.01, 0.0006),
        _level(
            "coalesce(sex_l, sex_r) = 'F' and coalesce(sex_r, sex_l) = 'F'",
            "another surname, a woman",
            0.03,
            0.08,
        ),
        _level("ELSE", "unlike", 0.02, 0.918),
    ],
}
_SURNAME = {
    "output_column_name": "surname",
    "comparison_levels": [
        _null("ln_l is null or ln_r is null"),
        _level("ln_l = ln_r", "same", 0.85, 0.0008, frequency_of="ln"),
        _level("{same_last}", "a former or part surname", 0.02, 0.00015),
        _level("{swapped}", "first and last names swapped", 0.003, 1e-6),
        _level("{last_similarity} >= 0.92", "one letter off", 0.05, 0.0004),
        _level("{last_similarity} >= 0.80", "similar", 0.02, 0.004),
        _level("{swapped_with_a_slip}", "first and last names swapped, a slip", 0.002, 1e-6),
        _level("ELSE", "unlike", 0.05, 0.994),
    ],
}
_ADDRESS = {
    "output_column_name": "address",
    "comparison_levels": [
        _null("addr_l is null or addr_r is null or {moved}"),
        _level("{same_address}", "same", 0.5, 2e-5),
        _level("{street_similarity} >= 0.98", "same street and number", 0.2, 2e-5),
        _level("{street_similarity} >= 0.90", "similar street and number", 0.15, 0.0005),
        _level("{same_building}", "same building", 0.05, 0.0002),
        _level("{street_similarity} >= 0.80", "somewhat similar", 0.08, 0.005),
        _level("ELSE", "unlike", 0.07, 0.99),
    ],
}
_PLACE = {
    "output_column_name": "place",
    "comparison_levels": [
        _null("not {zip_known}"),
        _level("{same_zip} and {same_suburb}", "same", 0.75, 0.0005),
        _level("{same_zip}", "same ZIP code", 0.1, 0.0007),
        _level("{same_suburb}", "same suburb", 0.08, 0.0007),
        _level("{zip_slip}", "one slip in the ZIP code", 0.03, 0.005),
        _level("{moved}", "unlike, and the street too", 0.02, 0.98),
        _level("ELSE", "unlike", 0.02, 0.0131),
    ],
}
_MIDDLE_NAME = {
    "output_column_name": "middle_name",
    "comparison_levels": [
        _null("mi_l is null or mi_r is null"),
        _level("length(mn_l) > 1 and mn_l = mn_r", "same name", 0.3, 0.001),
        _level("mi_l = mi_r", "same initial", 0.65, 0.075),
        _level("ELSE", "unlike", 0.05, 0.924),
    ],
}
_BIRTH_DATE = {
    "output_column_name": "birth_date",
    "comparison_levels": [
        _null("dob_l is null or dob_r is null"),
        _level("dob_l = dob_r", "same day", 0.94, 0.0003),
        _level("{same_date}", "same as another record's", 0.01, 0.00003),
        _level("{date_slip}", "one slip", 0.02, 0.0012),
        _level("{two_of_three}", "two of year, month, day", 0.015, 0.003),
        _level("yr_l = yr_r", "same year", 0.005, 0.014),
        _level("ELSE", "unlike", 0.01, 0.966),
    ],
}
# A comparison of its own: among records without a day most agree on the year, but among all
# records few do, and a level of the dates would weigh it as if that spoke against it.
_BIRTH_MONTH = {
    "output_column_name": "birth_month_or_year",
    "comparison_levels": [
        _null("(dob_l is not null and dob_r is not null) or yr_l is null or yr_r is null"),
        _level("{same_month}", "same month, day unknown", 0.3, 0.0012),
        _level("{same_year}", "same year, month unknown", 0.67, 0.014),
        _level("yr_l = yr_r", "same year, another month", 0.01, 0.013),
        _level("ELSE", "unlike", 0.02, 0.972),
    ],
}
_NUMBER_OR_BORROWED = {
    "output_column_name": "social_security_number",
    "comparison_levels": [
        _null("ssn4_l is null or ssn4_r is null"),
        _level("{same_ssn} and {first_unlike}", "same, given names unlike", 0.01, 1e-6),
        _level("{same_ssn}", "same", 0.84, 5e-5),
        _level("{ssn_slip}", "one slip", 0.02, 2e-6),
        _level("{same_last_four}", "last four, rest unknown", 0.1, 0.0001),
        _level("ELSE", "unlike", 0.03, 0.9999),
    ],
}
_NUMBER = {
    "output_column_name": "social_security_number",
    "comparison_levels": [
        level
        for level in _NUMBER_OR_BORROWED["comparison_levels"]
        if "{first_unlike}" not in level["sql_condition"]
    ],
}
_SEX = {
    "output_column_name": "sex",
    "comparison_levels": [
        _null("sex_l is null or sex_r is null"),
        _level("sex_l = sex_r", "same", 0.99, 0.5),
        _level("ELSE", "unlike", 0.01, 0.5),
    ],
}
# Where the address is the same the ZIP code adds nothing.
_ZIP_CODE = {
    "output_column_name": "zip_code",
    "comparison_levels": [
        _null("zip_code_l is null or zip_code_r is null or {same_address}"),
        _level("{same_zip_code}", "same", 0.6, 0.1),
        _level("ELSE", "unlike", 0.4, 0.9),
    ],
}
_FIRST_NAME_OR_SWAPPED = {
    "output_column_name": "first_name",
    "comparison_levels": [
        *_FIRST_NAME["comparison_levels"][:-1],
        _level("{swapped_with_a_slip}", "first and last names swapped, a slip", 0.002, 1e-6),
        _FIRST_NAME["comparison_levels"][-1],
    ],
}
# Families share addresses, surnames and numbers.
OF_FAMILIES = (
    _FIRST_NAME, _SURNAME_ADDRESS, _MIDDLE_NAME, _BIRTH_DATE, _BIRTH_MONTH, _NUMBER_OR_BORROWED,
    _SEX, _ZIP_CODE
)  # fmt: skip
# Each field speaks for itself.
OF_INDIVIDUALS = (
    _FIRST_NAME_OR_SWAPPED, _SURNAME, _MIDDLE_NAME, _BIRTH_DATE, _BIRTH_MONTH, _NUMBER, _SEX,
    _ADDRESS, _PLACE
)  # fmt: skip


# Reasons two nodes are never one person, whatever they score; the first that holds is named.
# Each is about evidence that households and namesakes share by nature.
VETOES: dict[str, str] = {
    # A certificate is one person's, once.
    "two_birth_certificates": "len(births_l) > 0 and len(births_r) > 0"
    " and not list_has_any(births_l, births_r)",
    "two_death_certificates": "len(deaths_l) > 0 and len(deaths_r) > 0"
    " and not list_has_any(deaths_l, deaths_r)",
    # The mother, the father and the child of one birth record are three persons.
    "roles_of_one_birth": (
        "case when parent_of_l is null and parent_of_r is null then false else"
        " coalesce(list_has_any(list_transform(parent_of_l, lambda p: split_part(p, ' ', 2)),"
        " births_r), false)"
        " or coalesce(list_has_any(list_transform(parent_of_r, lambda p: split_part(p, ' ', 2)),"
        " births_l), false)"
        " or coalesce(list_has_any(list_transform(parent_of_l, lambda p: split_part(p, ' ', 2)),"
        " list_transform(parent_of_r, lambda p: split_part(p, ' ', 2))), false) end"
    ),
    # Jr and Sr; a parent and child of one name whose suffix nobody wrote. Twelve years: no
    # parent is younger. A slip of one digit of the year keeps day and month.
    "suffixes": "generation_l <> generation_r",
    "parent_and_child": (
        "abs(yr_l::integer - yr_r::integer) >= 12 and coalesce(right(dob_l, 4) <> right(dob_r, 4),"
        " false) and not {same_date}"
        # a child who borrows the number is on file under it without a birth date, or with its own
        " and not ({same_ssn} and {same_first} and {same_last})"
    ),
    # Twins share surname, birth date and address, and their numbers may follow each other; only
    # the very same number outweighs another name.
    "twins": "{first_unlike} and {same_date} and not ({same_ssn} or {same_last_four})",
    "plurality": "not {same_first} and len(plurality_all_l) > 0"
    " and len(plurality_all_r) > 0 and not list_has_any(plurality_all_l, plurality_all_r)"
    " and {same_date}",
    # Another given name needs a birth date that agrees; a number alone may be borrowed.
    "first_name_unlike": "{first_unlike} and not {same_date}",
    # Two valid numbers, no slip, and birth dates that no slip explains.
    "two_identities": "ssn_l is not null and ssn_r is not null and not {same_ssn}"
    " and not {ssn_slip} and {date_unlike}",
    "sex_and_birth_date": "sex_l <> sex_r and {date_unlike}",
}


# Evidence that never ties two nodes together by itself, however rare the names: fathers and
# sons, cousins and siblings share names for a reason, so frequencies overstate them. Such a
# pair counts for at most MOST_DOUBTFUL; two nodes may still meet through a third.
DOUBTS: dict[str, str] = {
    "names_alone": "not {date_agrees} and not {number_agrees} and not {named_at_home}",
    "first_name_and_birth_date_alone": (
        "{last_unlike} and not {number_agrees} and not {same_address}"
        " and not coalesce(mi_l = mi_r, false)"
    ),
}
MOST_DOUBTFUL = -2.0

# A namesake: both names the same, nothing else that speaks against it, and nothing else to go
# by, because one side has no birth date and the other no number (wages know no birth date,
# schools no number). People move, so another address says little against it. Only one's only
# namesake is ever taken for the same person (namesakes.py).
NAMESAKE = (
    "{same_first} and {same_last}"
    " and not coalesce(mi_l <> mi_r, false) and not coalesce(sex_l <> sex_r, false)"
    " and coalesce(generation_l, 1) = 1 and coalesce(generation_r, 1) = 1"
    " and (yr_l is null or yr_r is null) and (ssn4_l is null or ssn4_r is null)"
)


def settings(comparisons: tuple[dict, ...]) -> dict:
    """Splink settings for training; a trained model carries its own."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "node_id",
        "comparisons": [
            {
                **comparison,
                "comparison_levels": [
                    {**level, "sql_condition": written_out(level["sql_condition"])}
                    for level in comparison["comparison_levels"]
                ],
            }
            for comparison in comparisons
        ],
        "probability_two_random_records_match": 1e-5,
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "em_convergence": 0.0001,
    }
