"""The quality report as one HTML page: opens offline, prints, reads well aloud.

Every chart is a table too: bars and intervals are drawn inside its cells. Add here: how a figure
looks. Keep out: what it is (quality.py).
"""

from __future__ import annotations

from html import escape

from orchestration.linkage.cells import LEAST_CELL, LEAST_GROUP
from orchestration.linkage.subgroups import KINDS

# The figures stand in the cells beside it, so that a reader aloud skips the drawing.
_SVG = '<svg viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">'
_STYLE = """
:root { --ink: #1f2933; --soft: #52606d; --line: #d9e2ec; --paper: #fff; --ground: #f5f7fa;
  --mark: #0b5cad; --mark2: #b7791f; --stop: #b42318; --track: #e4eaf1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a9b6c3; --line: #34414e;
  --paper: #1b242d; --ground: #12181f; --mark: #6cb2f7; --mark2: #e0b050; --stop: #f28b82;
  --track: #2a3540; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 72px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 4px; }
h3 { font-size: 15px; margin: 18px 0 6px; } p { margin: 4px 0 10px; max-width: 74ch; }
.soft { color: var(--soft); }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--paper); padding: 8px; }
nav ul { list-style: none; padding: 0; margin: 12px 0 0; display: flex; flex-wrap: wrap;
  gap: 4px 18px; }
a { color: var(--mark); } :focus-visible { outline: 3px solid #f0a500; outline-offset: 2px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px;
  margin: 20px 0 8px; padding: 0; list-style: none; }
.tiles li { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; }
.tiles b { display: block; font-size: 25px; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 13.5px; }
.scroll { overflow-x: auto; background: var(--paper); border: 1px solid var(--line);
  border-radius: 10px; margin: 8px 0 14px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 10px 14px 2px; font-weight: 600; font-size: 14px; }
th, td { padding: 6px 14px; text-align: right; border-bottom: 1px solid var(--line);
  font-weight: 400; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-size: 12.5px; font-weight: 600; white-space: normal;
  vertical-align: bottom; }
td.chart { min-width: 260px; padding: 4px 14px; } td.chart svg { display: block;
  width: 100%; height: 18px; }
.two td.chart { min-width: 90px; padding: 4px 10px; }
.two tbody th { white-space: normal; min-width: 8em; }
.two th, .two td { padding: 5px 9px; font-size: 14px; } .two thead th { font-size: 12px; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(460px, 1fr));
  gap: 0 16px; }
svg .track { fill: var(--track); } svg .bar { fill: var(--mark); }
  svg .bar2 { fill: var(--mark2); }
svg .bar3 { fill: var(--stop); } svg .reach { stroke: var(--mark); stroke-width: 2; }
svg .dot { fill: var(--mark); } .key span { display: inline-block; margin-right: 16px;
  font-size: 13px; }
.key i { display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 6px;
  vertical-align: -1px; }
.key .k1 { background: var(--mark); } .key .k2 { background: var(--mark2); }
  .key .k3 { background: var(--stop); }
@media print { body { background: #fff; } nav, .skip { display: none; }
  h2 { break-after: avoid; }
  .scroll { break-inside: avoid; border-color: #bbb; } }
@media (max-width: 560px) { .two { grid-template-columns: 1fr; }
  main { padding: 18px 12px 48px; } }
"""


def page(facts: dict) -> str:
    """The whole page."""
    run = facts["run"]
    sections = [
        ("recall", "Found again without the number", _recall(facts)),
        *([("errors", "Errors against the truth", _errors(facts))] if "errors" in facts else []),
        ("weights", "Match weights", _weights(facts)),
        ("links", "How each source was linked", _links(facts)),
        ("completeness", "What each source delivers", _completeness(facts)),
        ("persons", "Persons", _persons(facts)),
        ("changes", "What changed", _changes(facts)),
    ]
    contents = "".join(
        f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in sections
    )
    body = "".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>{content}</section>'
        for name, title, content in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>Linkage report, run {run['run_id']}</title><style>{_STYLE}</style></head><body>"
        '<a class="skip" href="#content">To the figures</a><main id="content">'
        f"<h1>Linkage report, run {run['run_id']}</h1>"
        f'<p class="soft">Model {escape(run["model_version"])}, finished '
        f"{escape(run['finished_at'][:16].replace('T', ' '))} UTC. A dash stands for a count of 1 "
        f"to {LEAST_CELL - 1}, and for a share that would tell one.</p>"
        f"{_tiles(facts)}<nav aria-label='Contents'><ul>{contents}</ul></nav>{body}"
        "</main></body></html>\n"
    )


def _tiles(facts: dict) -> str:
    run = facts["run"]
    found = facts["recall"]["in all"]["share"]
    precision = facts["estimates"]["precision"]
    tiles = [
        (_number(run["persons"]), "persons"),
        (_number(run["source_records"]), "source records"),
        (_percent(found), "found again without the number"),
        (_percent(precision), "precision the weights expect"),
        (_number(facts["decisions"]["waiting for a steward"]), "waiting for a steward"),
    ]
    return (
        '<ul class="tiles">'
        + "".join(f"<li><b>{figure}</b><span>{label}</span></li>" for figure, label in tiles)
        + "</ul>"
    )


def _recall(facts: dict) -> str:
    recall, reach = facts["recall"], facts["reach"]
    return (
        "<p>Two records of two sources with one valid social security number and one given name "
        "are one person. The number was hidden in one of them, and everything was linked again: "
        "this is the share that found its way back. It estimates recall for records that come "
        "without a number, and holds for persons who have one. Bars end at the share, the line is "
        "its 95 % interval.</p>"
        + _rates("By source of the hidden record", "source", recall["by source"], recall["in all"])
        + _grouped("found again", recall["groups"])
        + "<h3>Known to two sources or more</h3><p>No error rate: who uses more services is known "
        "to more of them. A group that is far below the others is worth a question.</p>"
        + _grouped("known to two sources", reach["groups"])
    )


def _errors(facts: dict) -> str:
    errors = facts["errors"]
    pairs = _table(
        "Pairs of source records",
        ["precision", "recall", "F1"],
        [["all pairs", *(f"{errors[name]:.4f}" for name in ("precision", "recall", "f1"))]],
        first="",
    )
    parts = [
        "<p>Of true persons with two source records or more: split into several ids, or sharing "
        f"an id with somebody else. A gap is between groups of {LEAST_GROUP} persons or more.</p>",
        pairs,
    ]
    for name in ("split", "false link"):
        parts.append(f"<h3>{name.capitalize()}: {_percent(errors[name]['in all']['share'])}</h3>")
        parts.append(_grouped(name, errors[name]["groups"], scale=_scale(errors[name]["groups"])))
    return "".join(parts)


def _weights(facts: dict) -> str:
    rows = facts["weights"]
    most = max((row[name] or 0 for row in rows for name in _DECISIONS), default=0) or 1
    body = []
    for row in rows:
        bars = "".join(
            f'<rect class="{style}" x="0" y="{y}" width="{100 * (row[name] or 0) / most:.2f}" '
            'height="5"/>'
            for (name, style), y in zip(_DECISIONS.items(), (1, 7, 13), strict=True)
        )
        chart = (
            f'<svg viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'
        )
        body.append(
            (
                f"{row['from']:+} to {row['to']:+}",
                [_number(row[name]) for name in _DECISIONS],
                chart,
            )
        )
    key = "".join(
        f'<span><i class="k{number}"></i>{name}</span>'
        for number, name in enumerate(_DECISIONS, start=1)
    )
    estimates = facts["estimates"]
    expected = estimates["by source"]
    return (
        "<p>Pairs of groups of records that were compared, by log2 odds of being one person. As "
        "far as the odds are true, "
        f"{_percent(estimates['precision'])} of {_number(estimates['linked pairs'])} linked pairs "
        f"are right and {_percent(estimates['recall'])} of the right pairs are linked. Pairs below "
        "-5 are not kept.</p>"
        f'<p class="key">{key}</p>'
        + _charted("Pairs by match weight", "log2 odds", list(_DECISIONS), body)
        + _rates(
            "Source records expected to be with another's or apart from their own",
            "source",
            {name: {"of": one["of"], **one["error"]} for name, one in expected.items()},
            scale=10.0,
        )
    )


_DECISIONS = {"linked": "bar", "not linked": "bar2", "vetoed": "bar3"}


def _links(facts: dict) -> str:
    rows = facts["links"]
    if not rows:
        return "<p>No source yet.</p>"
    columns = list(next(iter(rows.values())))
    shares = [name for name in columns if name != "source records"]
    body = [
        [source, _number(told["source records"]), *(_figure(told[name]) for name in shares)]
        for source, told in rows.items()
    ]
    return "<p>Percent of each source's records.</p>" + _table(
        "Links by source", columns, body, first="source"
    )


def _completeness(facts: dict) -> str:
    rows = facts["completeness"]
    if not rows:
        return "<p>No source yet.</p>"
    columns = list(next(iter(rows.values())))
    body = [
        [source, _number(told["records"]), *(_figure(told[name]) for name in columns[1:])]
        for source, told in rows.items()
    ]
    return (
        "<p>Percent of identity records that have a valid value, after standardising. What a "
        "source does not deliver cannot link it.</p>"
        + _table("Completeness by source", columns, body, first="source")
    )


def _persons(facts: dict) -> str:
    sizes = _table(
        "Persons by number of source records",
        ["persons"],
        [[name, _number(count)] for name, count in facts["sizes"].items()],
        first="source records",
    )
    implausible = _table(
        "Persons whose records do not fit together",
        ["persons"],
        [[name, _number(count)] for name, count in facts["implausible"].items()],
        first="what does not fit",
    )
    return f'<div class="two">{sizes}{implausible}</div>'


def _changes(facts: dict) -> str:
    events = _table(
        "Events of this run",
        ["events"],
        [[name, _number(count)] for name, count in facts["changes"].items()],
        first="event",
    )
    decisions = _table(
        "Stewards",
        ["number"],
        [[name, _number(count)] for name, count in facts["decisions"].items()],
        first="what",
    )
    against = _table(
        "Figures that moved since the last report",
        ["before", "now"],
        [
            [row["figure"], _figure(row["before"]), _figure(row["now"])]
            for row in facts["against_last_run"]
        ],
        first="figure",
    )
    return f'<div class="two">{events}{decisions}</div>{against}'


# --- parts --------------------------------------------------------------------------------


def _grouped(what: str, kinds: dict, scale: float = 100.0) -> str:
    parts = []
    for kind, told in kinds.items():
        title = f"{KINDS[kind].capitalize()}: {what}"
        if told["gap"] is not None:
            title += f", gap {told['gap']} points"
        parts.append(_rates(title, "group", told["groups"], scale=scale))
    return f'<div class="two">{"".join(parts)}</div>'


def _scale(kinds: dict) -> float:
    """A round end for the axis of rates that are far below 100."""
    highest = max(
        (one["interval"][1] for told in kinds.values() for one in told["groups"].values()
         if one["interval"]),
        default=1.0,
    )  # fmt: skip
    return next((end for end in (2.0, 5.0, 10.0, 25.0, 50.0) if highest <= end), 100.0)


def _rates(
    title: str, first: str, rates: dict, total: dict | None = None, scale: float = 100.0
) -> str:
    shown = {**rates, **({"in all": total} if total else {})}
    body = [
        (
            name,
            [_number(one["of"]), _figure(one["share"]), _figure(one["interval"])],
            _interval_chart(one, scale),
        )
        for name, one in shown.items()
    ]
    return _charted(title, first, ["of", "percent", "95 % interval"], body, end=f"0 to {scale:g} %")


def _interval_chart(one: dict, scale: float) -> str:
    if one["share"] is None:
        return ""
    low, high = (100 * end / scale for end in one["interval"])
    at = 100 * one["share"] / scale
    return (
        f'{_SVG}<rect class="track" x="0" y="6" width="100" height="6"/>'
        f'<rect class="bar" x="0" y="6" width="{at:.2f}" height="6"/>'
        f'<line class="reach" x1="{low:.2f}" x2="{high:.2f}" y1="15" y2="15"/></svg>'
    )


def _charted(caption: str, first: str, columns: list[str], rows: list[tuple], end: str = "") -> str:
    if not rows:
        return f'<p class="soft">{escape(caption)}: none.</p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (first, *columns))
    body = "".join(
        f'<tr><th scope="row">{escape(str(name).replace("_", " "))}</th>'
        + "".join(f"<td>{figure}</td>" for figure in figures)
        + f'<td class="chart">{chart}</td></tr>'
        for name, figures, chart in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f'<thead><tr>{head}<th scope="col">{escape(end)}</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _table(caption: str, columns: list[str], rows: list[list], first: str) -> str:
    if not rows:
        return f'<p class="soft">{escape(caption)}: none.</p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (first, *columns))
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]).replace("_", " "))}</th>'
        + "".join(f"<td>{figure}</td>" for figure in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:g} %"


def _figure(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return " to ".join(f"{part:g}" for part in value)
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
