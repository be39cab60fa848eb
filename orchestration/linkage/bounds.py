"""The most a pair of nodes can weigh, told from codes before a letter is compared.

Most of the pairs that blocks propose are far below even odds, and comparing their letters is what
linking would spend its time on: of 558,238 pairs of a million records 88,724 reach even odds. A
level is ruled out here where its fact cannot hold; what is not ruled out counts with its weight,
so the bound is never below the weight (a test says so). Add here: a cheap reason why a level cannot
hold. Keep out: weights (weights.py), and anything that might rule out too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import TYPE_CHECKING

from orchestration.linkage import nodes
from orchestration.linkage.encoding import MISSING
from orchestration.linkage.weights import EXPLAINED_FROM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy

    from orchestration.linkage.encoding import Fields
    from orchestration.linkage.model import Model
    from orchestration.linkage.nodes import Consensus

# Pairs looked at in one go: some fifty columns of them are held at once.
_AT_ONCE = 500_000
# Names of which single letters are compared.
_SPELT = ("fn", "ln")
# Weights are added up in another order than in SQL, and similarities in another precision.
SLACK = 1e-6


def may_matter(
    fields: Fields,
    known: Consensus,
    model: Model,
    left: numpy.ndarray,
    right: numpy.ndarray,
) -> numpy.ndarray:
    """Which pairs of nodes (numbers in known.wanted) could reach the lowest weight that anything
    is done with, or be namesakes. All of them under a rescored model, whose weights have no
    bound here."""
    import numpy

    may = numpy.ones(len(left), dtype=bool)
    if model.rescoring is not None:
        return may
    position = known.position
    return may_matter_among(Nodes.of(fields, known, model), model, position[left], position[right])


def may_matter_among(
    nodes: Nodes, model: Model, one: numpy.ndarray, other: numpy.ndarray
) -> numpy.ndarray:
    """may_matter of pairs of positions in `nodes`, under a model that is not rescored."""
    import numpy

    may = numpy.ones(len(one), dtype=bool)
    floor = min(model.thresholds["edge"], EXPLAINED_FROM) - SLACK
    for begin in range(0, len(one), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        pairs = Pairs(nodes, one[some], other[some])
        may[some] = most(pairs, model) >= floor
        if model.profile.namesakes:
            may[some] |= pairs.namesake
    return may


def most(pairs: Pairs, model: Model) -> numpy.ndarray:
    """The highest match weight that each pair could have."""
    import numpy

    total = numpy.full(pairs.count, model.prior)
    for comparison, trained in zip(
        model.profile.comparisons, model.splink["comparisons"], strict=True
    ):
        highest = numpy.full(pairs.count, -numpy.inf)
        # levels are tried in order: a pair that surely has one has no later one
        left_over = numpy.ones(pairs.count, dtype=bool)
        for level, learned in zip(
            comparison["comparison_levels"], trained["comparison_levels"], strict=True
        ):
            told = _TOLD.get(level["sql_condition"])
            holds = told(pairs) & left_over if told else left_over
            if level.get("is_null_level"):
                weight: numpy.ndarray | float = 0.0
            elif learned.get("tf_adjustment_column"):
                weight = log2(learned["m_probability"]) + pairs.rarity(
                    learned["tf_adjustment_column"]
                )
            else:
                weight = log2(learned["m_probability"] / learned["u_probability"])
            highest = numpy.where(holds, numpy.maximum(highest, weight), highest)
            if level["sql_condition"] in _SURE:
                left_over &= ~holds
        total += highest
    return total


@dataclass(frozen=True)
class Nodes:
    """What the bounds need of every node, by position: per field its code, the letters, the length
    and the first letters of a name, the set of its values, and how rare the name is."""

    code: dict[str, numpy.ndarray]
    letters: dict[str, numpy.ndarray]
    length: dict[str, numpy.ndarray]
    start: dict[str, numpy.ndarray]
    values: dict[str, numpy.ndarray]
    rarity: dict[str, numpy.ndarray]

    @classmethod
    def of(
        cls,
        fields: Fields,
        known: Consensus,
        model: Model,
        *,
        stable: Callable[[str, numpy.ndarray], numpy.ndarray] = lambda name, code: code,
    ) -> Nodes:
        """The nodes of a consensus. stable: codes of a field -> what is the same in every run
        (BlockKeys.stable), for nodes that are to be compared with those of another run."""
        import numpy

        chosen = known.chosen
        code = {name: stable(name, values) for name, values in chosen.items()}
        letters, length, start = _spelling(fields.words["name"])
        values = {
            name: _any_of(code[name], at, stable(name, further))
            for name, (at, further) in known.several.items()
        }
        none = numpy.full(len(known.wanted), MISSING, dtype="int32")
        at, form = known.every["forms"]
        values["forms"] = _any_of(none, at, stable("fn", form))
        return cls(
            code=code,
            letters={name: letters[chosen[name]] for name in _SPELT},
            length={name: length[chosen[name]] for name in (*_SPELT, "mn")},
            start={name: start[chosen[name]] for name in _SPELT},
            values=values,
            rarity={
                name: -numpy.log2(nodes.shares(fields, name, frequency, chosen[name]))
                for name, frequency in model.frequencies.items()
            },
        )

    @classmethod
    def unpacked(cls, sketches: numpy.ndarray) -> Nodes:
        """Nodes from what `packed` made of them."""
        parts: dict[str, dict[str, numpy.ndarray]] = {}
        for column in sketches.dtype.names:
            part, _, name = column.partition(" ")
            parts.setdefault(part, {})[name] = sketches[column]
        return cls(**parts)

    def packed(self) -> numpy.ndarray:
        """Everything of every node in one piece, of one size."""
        import numpy

        columns = {
            f"{part} {name}": values
            for part in self.__dataclass_fields__
            for name, values in getattr(self, part).items()
        }
        sketches = numpy.empty(
            len(next(iter(columns.values()))),
            dtype=[(name, values.dtype) for name, values in columns.items()],
        )
        for name, values in columns.items():
            sketches[name] = values
        return sketches

    @cached_property
    def number(self) -> numpy.ndarray:
        return _digits(self.code["ssn"])


class Pairs:
    """Facts (comparisons.FACTS) of pairs of nodes that may hold: where one is false it surely
    does not. one, other: positions of the two nodes."""

    def __init__(self, nodes: Nodes, one: numpy.ndarray, other: numpy.ndarray) -> None:
        self.nodes, self.one, self.other = nodes, one, other
        self.count = len(one)
        self._codes: dict[str, tuple[numpy.ndarray, numpy.ndarray]] = {}

    def codes(self, name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
        if name not in self._codes:
            code = self.nodes.code[name]
            self._codes[name] = code[self.one], code[self.other]
        return self._codes[name]

    def missing(self, name: str) -> numpy.ndarray:
        one, other = self.codes(name)
        return (one < 0) | (other < 0)

    def equal(self, name: str) -> numpy.ndarray:
        """Both are known and the same."""
        one, other = self.codes(name)
        return (one == other) & (one >= 0)

    def unequal(self, name: str) -> numpy.ndarray:
        """Both are known and not the same."""
        one, other = self.codes(name)
        return (one != other) & (one >= 0) & (other >= 0)

    def in_common(self, name: str) -> numpy.ndarray:
        held = self.nodes.values[name]
        return (held[self.one] & held[self.other]) != 0

    def rarity(self, name: str) -> numpy.ndarray:
        """-log2 of the share of the likelier of two names."""
        import numpy

        rarity = self.nodes.rarity[name]
        return numpy.minimum(rarity[self.one], rarity[self.other])

    @cached_property
    def same_address(self) -> numpy.ndarray:
        return self.in_common("addr")

    @cached_property
    def same_last(self) -> numpy.ndarray:
        return self.in_common("ln")

    @cached_property
    def swapped(self) -> numpy.ndarray:
        first, other_first = self.codes("fn")
        last, other_last = self.codes("ln")
        return (first == other_last) & (last == other_first) & (first >= 0) & (last >= 0)

    @cached_property
    def first_similarity(self) -> numpy.ndarray:
        import numpy

        return numpy.where(self.in_common("fn"), 1.0, self._similarity("fn"))

    @cached_property
    def last_similarity(self) -> numpy.ndarray:
        import numpy

        return numpy.where(self.same_last, 1.0, self._similarity("ln"))

    def _similarity(self, name: str) -> numpy.ndarray:
        """The most that Jaro-Winkler's similarity can be: every letter that only one of two
        names has stands unmatched in it, all others may be matched and in order."""
        import numpy

        letters, length = self.nodes.letters[name], self.nodes.length[name]
        own, others = letters[self.one], letters[self.other]
        long, other_long = length[self.one], length[self.other]
        matched = numpy.minimum(
            long - numpy.bitwise_count(own & ~others),
            other_long - numpy.bitwise_count(others & ~own),
        ).clip(0)
        shortest, longest = numpy.minimum(long, other_long), numpy.maximum(long, other_long)
        # a name that is missing has no letters
        jaro = (matched / longest.clip(1) + matched / shortest.clip(1) + (matched > 0)) / 3
        return jaro + 0.1 * self._common_start(name) * (1 - jaro) + SLACK

    def _common_start(self, name: str) -> numpy.ndarray:
        """How many of the first four letters are the same."""
        start = self.nodes.start[name]
        apart = start[self.one] ^ start[self.other]
        return sum((apart >> bits) == 0 for bits in (15, 10, 5, 0))

    @cached_property
    def shortened(self) -> numpy.ndarray:
        import numpy

        length = self.nodes.length["fn"]
        shortest = numpy.minimum(length[self.one], length[self.other])
        return self._common_start("fn") >= numpy.minimum(shortest, 4)

    @cached_property
    def middle_as_first(self) -> numpy.ndarray:
        first, other_first = self.codes("fn")
        middle, other_middle = self.codes("mn")
        initial, other_initial = self.codes("mi")
        start = self.nodes.start["fn"] >> 15
        letter = ord("A") - 1
        return (
            ((first == other_middle) & (first >= 0))
            | ((other_first == middle) & (middle >= 0))
            | (
                (start[self.one] + letter == other_initial)
                & (start[self.other] + letter == initial)
                & (initial != other_initial)
            )
        )

    @cached_property
    def two_of_three(self) -> numpy.ndarray:
        date, other = self.codes("dob")
        year, month, day = (
            date // unit % size == other // unit % size
            for unit, size in ((10_000, 10_000), (100, 100), (1, 100))
        )
        return (year & month) | (year & day) | (month & day)

    @cached_property
    def date_slip(self) -> numpy.ndarray:
        """A digit that differs, or two exchanged in the year, leaves two of three."""
        date, other = self.codes("dob")
        exchanged = (
            (date // 10_000 == other // 10_000)
            & (date // 100 % 100 == other % 100)
            & (date % 100 == other // 100 % 100)
        )
        return self.two_of_three | exchanged

    @cached_property
    def ssn_slip(self) -> numpy.ndarray:
        """Two digits exchanged differ in two places."""
        import numpy

        apart = self.nodes.number[self.one] ^ self.nodes.number[self.other]
        apart |= apart >> numpy.uint64(1)
        apart |= apart >> numpy.uint64(2)
        apart &= numpy.uint64(0x1_1111_1111)
        return ~self.missing("ssn") & (numpy.bitwise_count(apart) <= 2)

    @cached_property
    def namesake(self) -> numpy.ndarray:
        """comparisons.NAMESAKE."""
        return (
            self.in_common("fn")
            & self.same_last
            & self.missing("yr")
            & self.missing("ssn4")
            & ~self.unequal("mi")
            & ~self.unequal("sex")
        )


# Conditions of levels, by their words, which are told here; what is not told may hold. That a
# condition changes makes the bound looser and never wrong.
_TOLD: dict[str, Callable[[Pairs], numpy.ndarray]] = {
    "fn_l is null or fn_r is null": lambda pairs: pairs.missing("fn"),
    "fn_l = fn_r": lambda pairs: pairs.equal("fn"),
    "{same_first}": lambda pairs: pairs.in_common("fn"),
    "{nickname}": lambda pairs: pairs.in_common("forms"),
    "{swapped}": lambda pairs: pairs.swapped,
    "{first_similarity} >= 0.92": lambda pairs: pairs.first_similarity >= 0.92,
    "{shortened}": lambda pairs: pairs.shortened,
    "{middle_as_first}": lambda pairs: pairs.middle_as_first,
    "{first_similarity} >= 0.80": lambda pairs: pairs.first_similarity >= 0.80,
    "ln_l is null or ln_r is null": lambda pairs: pairs.missing("ln"),
    "{same_last} and {same_address}": lambda pairs: pairs.same_last & pairs.same_address,
    "ln_l = ln_r": lambda pairs: pairs.equal("ln"),
    "{same_last}": lambda pairs: pairs.same_last,
    "{same_last} or {swapped}": lambda pairs: pairs.same_last | pairs.swapped,
    "{last_similarity} >= 0.88 and {same_address}": lambda pairs: (
        (pairs.last_similarity >= 0.88) & pairs.same_address
    ),
    "{last_similarity} >= 0.88": lambda pairs: pairs.last_similarity >= 0.88,
    "{last_similarity} >= 0.92": lambda pairs: pairs.last_similarity >= 0.92,
    "{last_similarity} >= 0.80": lambda pairs: pairs.last_similarity >= 0.80,
    "{same_address}": lambda pairs: pairs.same_address,
    "mi_l is null or mi_r is null": lambda pairs: pairs.missing("mi"),
    "length(mn_l) > 1 and mn_l = mn_r": lambda pairs: (
        pairs.equal("mn") & (pairs.nodes.length["mn"][pairs.one] > 1)
    ),
    "mi_l = mi_r": lambda pairs: pairs.equal("mi"),
    "dob_l is null or dob_r is null": lambda pairs: pairs.missing("dob"),
    "dob_l = dob_r": lambda pairs: pairs.equal("dob"),
    "{same_date}": lambda pairs: pairs.in_common("dob"),
    "{date_slip}": lambda pairs: pairs.date_slip,
    "{two_of_three}": lambda pairs: pairs.two_of_three,
    "yr_l = yr_r": lambda pairs: pairs.equal("yr"),
    "(dob_l is not null and dob_r is not null) or yr_l is null or yr_r is null": lambda pairs: (
        ~pairs.missing("dob") | pairs.missing("yr")
    ),
    "{same_month}": lambda pairs: pairs.missing("dob") & pairs.equal("ym"),
    "{same_year}": lambda pairs: pairs.missing("ym") & pairs.equal("yr"),
    "ssn4_l is null or ssn4_r is null": lambda pairs: pairs.missing("ssn4"),
    "{same_ssn} and {first_unlike}": lambda pairs: pairs.in_common("ssn"),
    "{same_ssn}": lambda pairs: pairs.in_common("ssn"),
    "{ssn_slip}": lambda pairs: pairs.ssn_slip,
    "{same_last_four}": lambda pairs: pairs.missing("ssn") & pairs.in_common("ssn4"),
    "sex_l is null or sex_r is null": lambda pairs: pairs.missing("sex"),
    "sex_l = sex_r": lambda pairs: pairs.equal("sex"),
    "{same_zip_code}": lambda pairs: pairs.in_common("zip_code"),
}
# Those of which that is the whole truth.
_SURE = frozenset(
    {
        "fn_l is null or fn_r is null", "fn_l = fn_r", "ln_l is null or ln_r is null",
        "ln_l = ln_r", "mi_l is null or mi_r is null", "mi_l = mi_r",
        "length(mn_l) > 1 and mn_l = mn_r", "dob_l is null or dob_r is null", "dob_l = dob_r",
        "(dob_l is not null and dob_r is not null) or yr_l is null or yr_r is null",
        "yr_l = yr_r", "{same_month}", "{same_year}", "ssn4_l is null or ssn4_r is null",
        "sex_l is null or sex_r is null", "sex_l = sex_r",
    }
)  # fmt: skip


def _spelling(words) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Per word the set of its letters as bits, its length and its first four letters, five bits
    each; of no word (-1, the last) nothing. Names are of the letters A to Z (records.py)."""
    import numpy

    letters = numpy.zeros(len(words) + 1, dtype="uint32")
    length = numpy.zeros(len(words) + 1, dtype="int32")
    start = numpy.zeros(len(words) + 1, dtype="int32")
    if len(words):
        _, places, content = words.cast("string").buffers()
        place = numpy.frombuffer(places, "int32")[words.offset : words.offset + len(words) + 1]
        letter = numpy.frombuffer(content, "uint8")[: place[-1]] - ord("A") + 1
        length[:-1] = numpy.diff(place)
        letters[:-1] = numpy.bitwise_or.reduceat(
            numpy.left_shift(numpy.uint32(1), letter, dtype="uint32"), place[:-1]
        )
        for at in range(4):
            has = length[:-1] > at
            start[:-1][has] |= letter[place[:-1][has] + at].astype("int32") << (15 - 5 * at)
    return letters, length, start


def _any_of(code: numpy.ndarray, at: numpy.ndarray, further: numpy.ndarray) -> numpy.ndarray:
    """Per node a set of its values as bits of one number: what two nodes have in common is in
    both sets, and one value in 64 is there by chance."""
    import numpy

    def bit(value: numpy.ndarray) -> numpy.ndarray:
        place = value.astype("uint64") * numpy.uint64(0x9E3779B97F4A7C15) >> numpy.uint64(58)
        return numpy.uint64(1) << place

    held = numpy.where(code < 0, numpy.uint64(0), bit(code))
    numpy.bitwise_or.at(held, at, bit(further))
    return held


def _digits(number: numpy.ndarray) -> numpy.ndarray:
    """The nine digits of every number, four bits each."""
    import numpy

    rest = number.astype("int64")
    found = numpy.zeros(len(number), dtype="uint64")
    for place in range(9):
        found |= (rest % 10).astype("uint64") << numpy.uint64(4 * place)
        rest //= 10
    return found
