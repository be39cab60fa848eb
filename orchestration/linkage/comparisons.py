"""How two nodes are compared: Splink's comparisons as plain SQL levels.

Levels that Fellegi-Sunter would wrongly add up as if they were independent are one
comparison here: surname with address (a household shares both), and a shared social security
number with unlike given names (a number borrowed in the family).
Add here: a comparison or a level; then train a model again under a new name, because a
model's weights belong to its levels. Keep out: weights, vetoes.
"""

from __future__ import annotations

# Bumped by hand whenever a level changes; a model of another number is refused.
COMPARISONS_VERSION = 1

SAME_FIRST = "list_has_any(fn_all_l, fn_all_r)"
NICKNAME = "list_has_any(fn_forms_l, fn_forms_r)"
SWAPPED = "(fn_l = ln_r and ln_l = fn_r and fn_l <> ln_l)"
SHORTENED = (
    "(starts_with(fn_l, fn_r) or starts_with(fn_r, fn_l)"
    " or (length(fn_l) >= 4 and length(fn_r) >= 4 and left(fn_l, 4) = left(fn_r, 4)))"
)
# also where the other order is known by initials only: ERIC J and JAMES E
MIDDLE_AS_FIRST = (
    "(coalesce(fn_l = mn_r, false) or coalesce(fn_r = mn_l, false)"
    " or coalesce(left(fn_l, 1) = mi_r and left(fn_r, 1) = mi_l and mi_l <> mi_r, false))"
)


def close(column: str, similarity: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {similarity}"


# Given names that no nickname, spelling, shortening or use of the middle name explains. Below
# 0.80 lie pairs like JOHN/JUAN and DANIEL/DAVID, above it one-letter slips like CRYSRAL/CRYSTAL;
# brothers and sisters with nearer names (JAYDEN/JAYLEN) need the other vetoes.
FIRST_UNLIKE = (
    f"(fn_l is not null and fn_r is not null and not ({SAME_FIRST} or {NICKNAME}"
    f" or {close('fn', 0.80)} or {SHORTENED} or {MIDDLE_AS_FIRST} or {SWAPPED}))"
)
LAST_UNLIKE = (
    f"(ln_l is not null and ln_r is not null and not (list_has_any(ln_all_l, ln_all_r)"
    f" or {close('ln', 0.85)} or {SWAPPED}))"
)
SAME_LAST = "list_has_any(ln_all_l, ln_all_r)"
SAME_ADDRESS = "coalesce(list_has_any(addr_all_l, addr_all_r), false)"
SAME_SSN = "list_has_any(ssn_all_l, ssn_all_r)"
SAME_LAST_FOUR = "((ssn_l is null or ssn_r is null) and list_has_any(ssn4_all_l, ssn4_all_r))"
# Damerau-Levenshtein costs some forty times the two cheap tests that guard it.
SSN_SLIP = (
    "(hamming(ssn_l, ssn_r) <= 1 or ((left(ssn_l, 4) = left(ssn_r, 4)"
    " or right(ssn_l, 4) = right(ssn_r, 4)) and damerau_levenshtein(ssn_l, ssn_r) <= 1))"
)
SAME_DATE = "coalesce(list_has_any(dob_all_l, dob_all_r), false)"
DAY_MONTH_SWAP = (
    "(left(dob_l, 4) = left(dob_r, 4) and substr(dob_l, 5, 2) = right(dob_r, 2)"
    " and right(dob_l, 2) = substr(dob_r, 5, 2))"
)
DATE_SLIP = (
    f"({DAY_MONTH_SWAP} or hamming(dob_l, dob_r) = 1"
    " or (right(dob_l, 4) = right(dob_r, 4) and left(dob_l, 2) = left(dob_r, 2)"
    " and substr(dob_l, 3, 1) = substr(dob_r, 4, 1) and substr(dob_l, 4, 1) = substr(dob_r, 3, 1)))"
)
TWO_OF_THREE = (
    "((left(dob_l, 4) = left(dob_r, 4))::integer"
    " + (substr(dob_l, 5, 2) = substr(dob_r, 5, 2))::integer"
    " + (right(dob_l, 2) = right(dob_r, 2))::integer = 2)"
)
# Known to the day on both sides and not explained by one slip of the pen.
DATE_UNLIKE = f"coalesce(not ({SAME_DATE} or {DATE_SLIP} or {TWO_OF_THREE}), yr_l <> yr_r, false)"


DATE_AGREES = (
    f"coalesce({SAME_DATE} or {DATE_SLIP} or {TWO_OF_THREE}"
    " or ((dob_l is null or dob_r is null) and ym_l = ym_r)"
    " or ((ym_l is null or ym_r is null) and yr_l = yr_r)"
    f" or (yr_l = yr_r and {SAME_ADDRESS}), false)"
)
NUMBER_AGREES = f"coalesce({SAME_SSN} or {SSN_SLIP} or {SAME_LAST_FOUR}, false)"


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


COMPARISONS: list[dict] = [
    {
        "output_column_name": "first_name",
        "comparison_levels": [
            _null("fn_l is null or fn_r is null"),
            _level("fn_l = fn_r", "same", 0.88, 0.002, frequency_of="fn"),
            _level(SAME_FIRST, "same as another record's", 0.02, 0.0003),
            _level(NICKNAME, "nickname", 0.03, 0.001),
            _level(SWAPPED, "first and last names swapped", 0.003, 1e-6),
            _level(close("fn", 0.92), "one letter off", 0.03, 0.001),
            _level(SHORTENED, "shortened", 0.007, 0.0005),
            _level(MIDDLE_AS_FIRST, "middle name used as first", 0.005, 0.0007),
            _level(close("fn", 0.80), "similar", 0.01, 0.005),
            _level("ELSE", "unlike", 0.015, 0.99),
        ],
    },
    {
        "output_column_name": "surname_address",
        "comparison_levels": [
            _null("ln_l is null or ln_r is null"),
            _level(
                f"list_has_any(ln_all_l, ln_all_r) and {SAME_ADDRESS}",
                "surname and address",
                0.35,
                4e-5,
            ),
            _level("ln_l = ln_r", "surname", 0.52, 0.0008, frequency_of="ln"),
            _level(
                f"list_has_any(ln_all_l, ln_all_r) or {SWAPPED}",
                "a former or part surname",
                0.03,
                0.00015,
            ),
            _level(
                f"{close('ln', 0.88)} and {SAME_ADDRESS}", "similar surname and address", 0.01, 2e-6
            ),
            _level(close("ln", 0.88), "similar surname", 0.03, 0.0006),
            _level(SAME_ADDRESS, "address, another surname", 0.01, 0.0006),
            _level(
                "coalesce(sex_l, sex_r) = 'F' and coalesce(sex_r, sex_l) = 'F'",
                "another surname, a woman",
                0.03,
                0.08,
            ),
            _level("ELSE", "unlike", 0.02, 0.918),
        ],
    },
    {
        "output_column_name": "middle_name",
        "comparison_levels": [
            _null("mi_l is null or mi_r is null"),
            _level("length(mn_l) > 1 and mn_l = mn_r", "same name", 0.3, 0.001),
            _level("mi_l = mi_r", "same initial", 0.65, 0.075),
            _level("ELSE", "unlike", 0.05, 0.924),
        ],
    },
    {
        "output_column_name": "birth_date",
        "comparison_levels": [
            _null("yr_l is null or yr_r is null"),
            _level("dob_l = dob_r", "same day", 0.93, 0.0003),
            _level(SAME_DATE, "same as another record's", 0.01, 0.00003),
            _level(
                "(dob_l is null or dob_r is null) and ym_l = ym_r",
                "same month, day unknown",
                0.005,
                0.0012,
            ),
            _level(
                "(ym_l is null or ym_r is null) and yr_l = yr_r",
                "same year, month unknown",
                0.005,
                0.014,
            ),
            _level(DATE_SLIP, "one slip", 0.02, 0.0012),
            _level(TWO_OF_THREE, "two of year, month, day", 0.015, 0.003),
            _level("yr_l = yr_r", "same year", 0.005, 0.014),
            _level("ELSE", "unlike", 0.01, 0.966),
        ],
    },
    {
        "output_column_name": "social_security_number",
        "comparison_levels": [
            _null("ssn4_l is null or ssn4_r is null"),
            _level(f"{SAME_SSN} and {FIRST_UNLIKE}", "same, given names unlike", 0.01, 1e-6),
            _level(SAME_SSN, "same", 0.84, 5e-5),
            _level(SSN_SLIP, "one slip", 0.02, 2e-6),
            _level(
                SAME_LAST_FOUR,
                "last four, rest unknown",
                0.1,
                0.0001,
            ),
            _level("ELSE", "unlike", 0.03, 0.9999),
        ],
    },
    {
        "output_column_name": "sex",
        "comparison_levels": [
            _null("sex_l is null or sex_r is null"),
            _level("sex_l = sex_r", "same", 0.99, 0.5),
            _level("ELSE", "unlike", 0.01, 0.5),
        ],
    },
]

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
        "coalesce(list_has_any(list_transform(parent_of_l, lambda p: split_part(p, ' ', 2)),"
        " births_r), false)"
        " or coalesce(list_has_any(list_transform(parent_of_r, lambda p: split_part(p, ' ', 2)),"
        " births_l), false)"
        " or coalesce(list_has_any(list_transform(parent_of_l, lambda p: split_part(p, ' ', 2)),"
        " list_transform(parent_of_r, lambda p: split_part(p, ' ', 2))), false)"
    ),
    # Jr and Sr; a parent and child of one name whose suffix nobody wrote. Twelve years: no
    # parent is younger. A slip of one digit of the year keeps day and month.
    "suffixes": "generation_l <> generation_r",
    "parent_and_child": (
        "abs(yr_l::integer - yr_r::integer) >= 12 and coalesce(right(dob_l, 4) <> right(dob_r, 4),"
        " false) and not coalesce(list_has_any(dob_all_l, dob_all_r), false)"
        # a child who borrows the number is on file under it without a birth date, or with its own
        f" and not coalesce({SAME_SSN} and {SAME_FIRST} and {SAME_LAST}, false)"
    ),
    # Twins share surname, birth date and address, and their numbers may follow each other; only
    # the very same number outweighs another name.
    "twins": f"{FIRST_UNLIKE} and {SAME_DATE} and not coalesce({SAME_SSN} or {SAME_LAST_FOUR},"
    " false)",
    "plurality": f"not coalesce({SAME_FIRST}, false) and len(plurality_all_l) > 0"
    " and len(plurality_all_r) > 0 and not list_has_any(plurality_all_l, plurality_all_r)"
    f" and {SAME_DATE}",
    # Another given name needs a birth date that agrees; a number alone may be borrowed.
    "first_name_unlike": f"{FIRST_UNLIKE} and not {SAME_DATE}",
    # Two valid numbers, no slip, and birth dates that no slip explains.
    "two_identities": f"not {SAME_SSN} and not {SSN_SLIP} and {DATE_UNLIKE}",
    "sex_and_birth_date": f"sex_l <> sex_r and {DATE_UNLIKE}",
}


# Both names the same but for a slip, living at one address, and no birth date or middle
# initial that says otherwise.
NAMED_AT_HOME = (
    f"(coalesce(({SAME_FIRST} or {NICKNAME} or {SHORTENED} or {close('fn', 0.92)})"
    f" and (list_has_any(ln_all_l, ln_all_r) or {close('ln', 0.88)}), false)"
    f" and {SAME_ADDRESS} and not coalesce(mi_l <> mi_r, false) and not {DATE_UNLIKE})"
)

# Evidence that never ties two nodes together by itself, however rare the names: fathers and
# sons, cousins and siblings share names for a reason, so frequencies overstate them. Such a
# pair counts for at most MOST_DOUBTFUL; two nodes may still meet through a third.
DOUBTS: dict[str, str] = {
    "names_alone": f"not {DATE_AGREES} and not {NUMBER_AGREES} and not {NAMED_AT_HOME}",
    "first_name_and_birth_date_alone": (
        f"{LAST_UNLIKE} and not {NUMBER_AGREES} and not {SAME_ADDRESS}"
        " and not coalesce(mi_l = mi_r, false)"
    ),
}
MOST_DOUBTFUL = -2.0

# A namesake: both names the same, nothing else that speaks against it, and nothing else to go
# by, because one side has no birth date and the other no number (wages know no birth date,
# schools no number). Only one's only namesake is ever taken for the same person (namesakes.py).
NAMESAKE = (
    f"coalesce({SAME_FIRST} and list_has_any(ln_all_l, ln_all_r), false)"
    " and not coalesce(mi_l <> mi_r, false) and not coalesce(sex_l <> sex_r, false)"
    " and coalesce(generation_l, '1') = '1' and coalesce(generation_r, '1') = '1'"
    " and (yr_l is null or yr_r is null) and (ssn4_l is null or ssn4_r is null)"
    f" and (addr_all_l is null or addr_all_r is null or {SAME_ADDRESS}"
    " or coalesce(mi_l = mi_r, false))"
)


def settings() -> dict:
    """Splink settings for training; a trained model carries its own."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "node_id",
        "comparisons": COMPARISONS,
        "probability_two_random_records_match": 1e-5,
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "em_convergence": 0.0001,
    }
