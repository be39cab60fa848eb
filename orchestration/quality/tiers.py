"""The six tiers of a rule: how much of the data one has to look at to judge it.

In the order in which the TANF Data Portal checks a submission: a file that cannot be read needs
no look at its values, and a history is worth comparing only where the rows are in order. What
the loader refuses is the first tier. The tier follows from the type of a rule, so nobody writes
it down. Add here: the tier of a new expectation type. Keep out: severities and thresholds.
"""

from __future__ import annotations

TIERS = (
    "file pre-check",
    "record value",
    "record consistency",
    "case consistency",
    "cross-file consistency",
    "historical consistency",
)

_OF_TYPE = {
    "expect_table_row_count_to_be_between": "file pre-check",
    "expect_totals_to_agree": "file pre-check",
    "expect_column_pair_values_a_to_be_greater_than_b": "record consistency",
    "expect_column_pair_values_to_be_equal": "record consistency",
    "expect_select_column_values_to_be_unique_within_record": "record consistency",
    "expect_multicolumn_sum_to_equal": "record consistency",
    "expect_column_values_to_be_unique": "case consistency",
    "expect_compound_columns_to_be_unique": "case consistency",
    "expect_key_to_be_unique": "case consistency",
    "expect_groups_to_satisfy": "case consistency",
    "unexpected_rows_expectation": "case consistency",
    "expect_rows_to_have_a_parent": "cross-file consistency",
}
# Types whose condition may name one column, which is a value, or several.
_OF_ROWS = ("expect_rows_to_satisfy", "expect_share_to_be_between")


def tier(expectation_type: str, *, columns: int, history: bool, sources: int = 1) -> str:
    """The tier of a rule. columns: how many its condition reads; history: whether it compares
    loads; sources: how many tables it looks at."""
    if history:
        return "historical consistency"
    if sources > 1:
        return "cross-file consistency"
    if expectation_type in _OF_ROWS:
        return "record consistency" if columns > 1 else "record value"
    return _OF_TYPE.get(expectation_type, "record value")
