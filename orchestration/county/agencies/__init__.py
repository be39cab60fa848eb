"""The agencies of the county: one module each, `deliver(world, desk)`.

Each turns the true histories into its own files, in its own layout, with its own errors.
A county may have a million persons: no loop over rows, text as in columns.py, everything that
does not change from delivery to delivery made once before the loop over them.
Add here: another agency, one module and one line in ALL. Keep out: what truly happened (lives/).
"""

from __future__ import annotations

from orchestration.county.agencies import (
    adult_protection,
    benefits,
    child_care,
    child_support,
    child_welfare,
    clinic,
    courts,
    early_intervention,
    food_bank,
    gis,
    head_start,
    helpline,
    hmis,
    housing,
    jail,
    k12,
    licensing,
    medicaid,
    police,
    ssa,
    tanf_acf,
    utility,
    vacancy,
    vital,
    wages,
)

ALL = {
    "vital": vital.deliver,
    "k12": k12.deliver,
    "benefits": benefits.deliver,
    "wages": wages.deliver,
    "hmis": hmis.deliver,
    "jail": jail.deliver,
    "police": police.deliver,
    "courts": courts.deliver,
    "child_support": child_support.deliver,
    "housing": housing.deliver,
    "gis": gis.deliver,
    "tanf_acf": tanf_acf.deliver,
    "child_welfare": child_welfare.deliver,
    "licensing": licensing.deliver,
    "vacancy": vacancy.deliver,
    "child_care": child_care.deliver,
    "helpline": helpline.deliver,
    "food_bank": food_bank.deliver,
    "utility": utility.deliver,
    "medicaid": medicaid.deliver,
    "ssa": ssa.deliver,
    "clinic": clinic.deliver,
    "head_start": head_start.deliver,
    "early_intervention": early_intervention.deliver,
    "adult_protection": adult_protection.deliver,
}
