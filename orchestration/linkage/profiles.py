"""What kind of population the records are of, which decides what may be concluded from them.

Chosen once for a set of sources from what they are, before anything is linked, and kept in the
model file; never chosen by what a truth says. Add here: a kind of population. Keep out:
weights (a model's) and single levels (comparisons.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.errors import UsageError
from orchestration.linkage import candidates, comparisons


@dataclass(frozen=True)
class Profile:
    """comparisons: Splink's, in order; vetoes, doubts: names in comparisons.py; namesakes: may
    an only namesake be taken for the same person; blocks: names in candidates.py;
    weighs_records: is the mean of two clusters over pairs of records, so that three equal records
    count as three witnesses, or over pairs of nodes."""

    name: str
    says: str
    comparisons: tuple[dict, ...]
    vetoes: tuple[str, ...]
    doubts: tuple[str, ...]
    namesakes: bool
    blocks: tuple[str, ...]
    weighs_records: bool

    @property
    def statements(self) -> list[str]:
        """Every condition the profile puts to a pair."""
        return [
            *(
                level["sql_condition"]
                for comparison in self.comparisons
                for level in comparison["comparison_levels"]
            ),
            *(comparisons.VETOES[name] for name in self.vetoes),
            *(comparisons.DOUBTS[name] for name in self.doubts),
            comparisons.NAMESAKE,
        ]


HOUSEHOLDS = Profile(
    name="households",
    says="Families are in the records together: they share surnames, addresses and sometimes a"
    " number, twins a birth date, a father and son the whole name. Errors are few to a record."
    " Administrative data are of this kind.",
    comparisons=comparisons.OF_FAMILIES,
    vetoes=tuple(comparisons.VETOES),
    doubts=tuple(comparisons.DOUBTS),
    namesakes=True,
    blocks=candidates.NARROW,
    # the same record comes again with every delivery, and witnesses nothing new
    weighs_records=False,
)
INDIVIDUALS = Profile(
    name="individuals",
    says="Persons are in the records one by one (a survey's sample, a register of members), so"
    " nobody's relatives are there to be taken for them; records may have several fields wrong"
    " at once. Each field speaks for itself, nothing but a certificate or a suffix forbids a"
    " link, and blocks are wide enough for two fields that are wrong.",
    comparisons=comparisons.OF_INDIVIDUALS,
    vetoes=(
        "two_birth_certificates",
        "two_death_certificates",
        "roles_of_one_birth",
        "suffixes",
    ),
    doubts=(),
    namesakes=False,
    blocks=tuple(candidates.BLOCKS),
    weighs_records=True,
)
PROFILES = {profile.name: profile for profile in (HOUSEHOLDS, INDIVIDUALS)}


def named(name: str) -> Profile:
    """Raises UsageError for a profile that does not exist."""
    if name not in PROFILES:
        raise UsageError(f"There is no linkage profile {name}; name one of {', '.join(PROFILES)}.")
    return PROFILES[name]
