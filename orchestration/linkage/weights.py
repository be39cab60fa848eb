"""What every pair of nodes weighs under a model, and why.

The levels and weights are those Splink trained; they run here in one statement, because Splink
works out each level's comparison of letters again, and vetoes and rescoring need them too. That
both give the same weight is a test. Add here: how a pair is weighed. Keep out: levels
(comparisons.py), what labels teach (rescoring.py), clusters.
"""

from __future__ import annotations

import json
from math import log2
from typing import TYPE_CHECKING

from orchestration.linkage import comparisons, rescoring

if TYPE_CHECKING:
    import duckdb
    import numpy

    from orchestration.linkage.model import Model

# Pairs of different components this far below even odds are not worth an explanation.
EXPLAINED_FROM = -5.0


def score_pairs(
    duck: duckdb.DuckDBPyConnection,
    model: Model,
    pairs: str,
    scored: str,
    *,
    features: bool = False,
    shares: bool = True,
) -> None:
    """Make table `scored` (l, r, match_weight, veto, doubt, weight, namesake, ...).

    pairs: a table (l, r) of node ids. match_weight: log2 odds as Splink has them, rescored
    where labels trained the model. veto, doubt: the first that holds (comparisons.py). weight:
    match_weight as clustering uses it, held down by a doubt. level_*, share_*: level and weight
    of each comparison, name frequency included; left out where neither `shares` asks for them
    nor features or a rescored model need them: they are most of the table. features: also the
    columns that rescoring.fit learns from, which a rescored model has in any case.
    """
    profile = model.profile
    with_features = features or model.rescoring is not None
    learned = model.rescoring["learned"] if model.rescoring else ()
    kept: dict[str, str] = {}
    named = [c["output_column_name"] for c in profile.comparisons]
    levels = {f"level_{c['output_column_name']}": _level(c) for c in profile.comparisons}
    weighed = {
        f"share_{name}": _share(name, trained)
        for name, trained in zip(named, model.splink["comparisons"], strict=True)
    }
    conditions = {
        **{name: comparisons.VETOES[name] for name in profile.vetoes},
        **{name: comparisons.DOUBTS[name] for name in profile.doubts},
    }
    statements = list(profile.statements)
    if with_features:
        extra = rescoring.extra(profile)
        kept |= {name: comparisons.by_name(sql) for name, sql in extra.items()}
        kept |= {
            rescoring.flag(name): f"coalesce({comparisons.by_name(conditions[name])}, false)"
            for name in rescoring.soft(profile)
        }
        statements += extra.values()
    veto = _first({name: conditions[name] for name in profile.vetoes if name not in learned})
    doubt = _first({name: conditions[name] for name in profile.doubts})
    namesake = comparisons.by_name(comparisons.NAMESAKE) if profile.namesakes else "false"
    prior = _rounded(_odds(model.splink["probability_two_random_records_match"]))

    steps = [("compared", _sides(statements, pairs))]
    for number, layer in enumerate(comparisons.facts_of(statements)):
        facts = ", ".join(
            f"({comparisons.by_name(comparisons.FACTS[fact])}) as {fact}" for fact in layer
        )
        steps.append((f"layer_{number}", f"select *, {facts} from {steps[-1][0]}"))
    steps.append(("levelled", f"select *, {_columns(levels)} from {steps[-1][0]}"))
    steps.append(
        (
            "judged",
            f"""
            select
                l, r, {", ".join(levels)}, {_columns(weighed)}, {veto} as veto, {doubt} as doubt,
                veto is null and {namesake} as namesake{
                "".join(f", ({sql})::tinyint as {name}" for name, sql in kept.items())
            }
            from levelled
            """,
        )
    )
    rest = ""
    if shares or with_features:
        rest = (
            ", * exclude (l, r, match_weight, veto, doubt, namesake),"
            " match_weight as fellegi_sunter"
        )
    total = " + ".join([str(prior), *(f"share_{name}" for name in named)])
    with_clause = ", ".join(f"{name} as ({sql})" for name, sql in steps)
    duck.execute(
        f"""
        create or replace table {scored} as
        with {with_clause},
        weighed as (select *, {total} as match_weight from judged)
        select
            l, r, match_weight, veto, doubt,
            case when doubt is null then match_weight
                else least(match_weight, {comparisons.MOST_DOUBTFUL}) end as weight,
            namesake{rest}
        from weighed
        """
    )
    if model.rescoring:
        _rescore(duck, model.rescoring, scored)


def explain(duck: duckdb.DuckDBPyConnection, model: Model, component: numpy.ndarray) -> None:
    """Add column `evidence` to table `scored`: what each comparison and each term of rescoring
    adds, as JSON; null for pairs that stand in different components and far below even odds.

    component: of every node. The evidence of a comparison is its weight, scaled where the model
    is rescored, plus what labels added for its level; an interaction or a flag stands under its
    own name.
    """
    import numpy
    import pyarrow

    names = [c["output_column_name"] for c in model.profile.comparisons]
    found = duck.execute(
        f"select * exclude (veto, doubt, weight, namesake) from scored"
        f" where match_weight >= {EXPLAINED_FROM} or l in (from {_same(duck, component)})"
        " order by l, r"
    ).fetchnumpy()
    parts = {name: numpy.asarray(found[f"share_{name}"], dtype="float64") for name in names}
    if model.rescoring:
        fitted = model.rescoring
        raw = numpy.asarray(found["fellegi_sunter"], dtype="float64")
        clipped = numpy.clip(raw, *rescoring.CLIPPED)
        # a sum that went beyond the bounds counts as the bound: each part shrinks alike
        safe = numpy.where(raw == 0, 1.0, raw)
        shrunk = fitted["scale"] * numpy.where(raw == 0, 1.0, clipped / safe)
        parts = {name: share * shrunk for name, share in parts.items()}
        # the part of a bounded sum that the prior does not account for
        parts["bounds"] = (shrunk - fitted["scale"]) * fitted["prior"]
        for name, added in rescoring.apply(fitted, rescoring.features(found)).items():
            parts[name] = parts.get(name, 0.0) + added
    told = [
        json.dumps({name: round(value, 2) for name, value in zip(parts, row, strict=True)
                    if name in names or abs(value) >= 0.005})
        for row in zip(*(values.tolist() for values in parts.values()), strict=True)
    ]  # fmt: skip
    duck.register(
        "_told",
        pyarrow.table(
            {"l": found["l"], "r": found["r"], "evidence": pyarrow.array(told, pyarrow.string())}
        ),
    )
    duck.execute(
        """
        create or replace table scored as
        select scored.*, evidence::json as evidence from scored left join _told using (l, r)
        """
    )
    duck.unregister("_told")


def _same(duck: duckdb.DuckDBPyConnection, component: numpy.ndarray) -> str:
    """Table of the nodes whose component holds another node."""
    import numpy
    import pyarrow

    together = numpy.flatnonzero(numpy.bincount(component, minlength=1)[component] > 1)
    duck.register("_incoming", pyarrow.table({"node_id": together.astype("int32")}))
    duck.execute("create or replace temp table not_alone as select * from _incoming")
    duck.unregister("_incoming")
    return "not_alone"


def _sides(statements: list[str], pairs: str) -> str:
    written = " ".join(comparisons.written_out(statement) for statement in statements)
    fields = sorted(set(comparisons.FIELD.findall(written)) | {"tf_fn", "tf_ln"})
    both = ", ".join(f"l.{name} as {name}_l, r.{name} as {name}_r" for name in fields)
    return (
        f"select pair.l, pair.r, {both} from {pairs} as pair"
        " join node as l on l.node_id = pair.l join node as r on r.node_id = pair.r"
    )


def _level(comparison: dict) -> str:
    """SQL of the number of the level a pair falls in, as Splink counts: -1 for missing, 0 for
    the last."""
    levels = comparison["comparison_levels"]
    number = sum(not level.get("is_null_level") for level in levels)
    cases = []
    for level in levels:
        if not level.get("is_null_level"):
            number -= 1
        value = -1 if level.get("is_null_level") else number
        sql = comparisons.by_name(level["sql_condition"])
        cases.append(f"else {value}" if sql == "ELSE" else f"when {sql} then {value}")
    return f"(case {' '.join(cases)} end)::tinyint"


def _share(name: str, trained: dict) -> str:
    """SQL of the log2 odds a comparison adds; of equal names, the rarer add more."""
    levels = [level for level in trained["comparison_levels"] if not level.get("is_null_level")]
    cases = []
    for number, level in enumerate(reversed(levels)):
        weight = _rounded(log2(level["m_probability"] / level["u_probability"]))
        column = level.get("tf_adjustment_column")
        if column:
            # log2(m/u) with the name's own share in place of u
            own = f"greatest(tf_{column}_l, tf_{column}_r)"
            weight = f"{_rounded(log2(level['m_probability']))} - log2({own})"
        cases.append(f"when {number} then {weight}")
    return f"case level_{name} {' '.join(cases)} else 0.0 end"


def _first(conditions: dict[str, str]) -> str:
    """SQL of the name of the first condition that holds; null for none."""
    if not conditions:
        return "cast(null as varchar)"
    cases = " ".join(
        f"when {comparisons.by_name(sql)} then '{name}'" for name, sql in conditions.items()
    )
    return f"case {cases} end"


def _columns(named: dict[str, str]) -> str:
    return ", ".join(f"{sql} as {name}" for name, sql in named.items())


def _odds(share: float) -> float:
    return log2(share / (1 - share))


def _rounded(value: float) -> str:
    """A literal DuckDB reads as a double, not as a decimal."""
    return f"{value:.12g}::double"


def _rescore(duck: duckdb.DuckDBPyConnection, fitted: dict, scored: str) -> None:
    """Put the rescored weight in place of Fellegi-Sunter's. Doubts are features then, and hold
    nothing down a second time."""
    import numpy
    import pyarrow

    found = duck.execute(f"select * exclude (veto, doubt) from {scored}").fetchnumpy()
    clipped = numpy.clip(found["fellegi_sunter"], *rescoring.CLIPPED)
    added = rescoring.apply(fitted, rescoring.features(found))
    weight = fitted["base"] + fitted["scale"] * clipped + sum(added.values())
    duck.register(
        "_incoming", pyarrow.table({"l": found["l"], "r": found["r"], "rescored": weight})
    )
    duck.execute(
        f"""
        create or replace table {scored} as
        select * exclude (rescored) replace (rescored as match_weight, rescored as weight)
        from {scored} join _incoming using (l, r)
        """
    )
    duck.unregister("_incoming")
