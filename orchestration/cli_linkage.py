"""The commands of `lifecourse linkage`.

Add here: a command about linkage and its words. Keep out: work; every command is a library call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli_shared import AS_JSON, DIRECTORY, print_json, progress, settings
from orchestration.errors import UsageError


@click.group()
def linkage() -> None:
    """Who is one person: explain, review, decide, preview, report, score, train, encode."""


@linkage.command()
@click.option("--truth", type=DIRECTORY, required=True, help="Folder with the truth files.")
@AS_JSON
def score(truth: Path, as_json: bool) -> None:
    """Pairwise precision, recall and F1 of the person ids against a truth, and whom it splits.

    \b
    Example:
      lifecourse linkage score --truth .lifecourse/demo/truth
    """
    from orchestration import linkage as library

    facts = library.score(settings(), truth)
    if as_json:
        print_json(facts)
        return
    for name in ("precision", "recall", "f1"):
        click.echo(f"{name:10} {facts[name]:.4f}")
    click.echo(
        f"of {facts['true_pairs']:,} true pairs among {facts['n_records']:,} source records; "
        f"{facts['not_in_crosswalk']:,} records of the truth never reached linkage"
    )
    split = facts["split_by_race"]
    if not split or not split["groups"]:
        return
    click.echo("share of persons with two records or more who are split, 95 % interval:")
    for name, rate in split["groups"].items():
        if rate["share"] is None:
            click.echo(f"  {name:40} too few to show, of {rate['of']:,}")
            continue
        low, high = rate["interval"]
        click.echo(
            f"  {name:40} {rate['share']:5.1f} %  [{low:.2f}, {high:.2f}]  of {rate['of']:,}"
        )
    if split["gap"] is not None:
        click.echo(f"gap between race groups of 300 persons or more: {split['gap']:.2f} points")


@linkage.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--trained-on", default="the records in the warehouse", help="For the model card.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A truth file to learn from; without it, nothing but the records is used.",
)
def train(out: Path, trained_on: str, seed: int, truth: Path | None) -> None:
    """Estimate a linkage model from the records in the warehouse.

    \b
    Example:
      lifecourse linkage train --out my_model.json --trained-on "county A, 2025"
    """
    from orchestration import linkage as library
    from orchestration.progress import say

    with progress():
        library.train(settings(), out, trained_on=trained_on, seed=seed, truth=truth, progress=say)
    click.echo(f"wrote {out}")


@linkage.command()
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--contract",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="The source's contract, which names the columns to encode.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The project's key; else the file LIFECOURSE_LINKAGE_KEY_FILE names.",
)
def encode(source: Path, contract: Path, out: Path, key_file: Path | None) -> None:
    """Encode a file's identifiers before it leaves its agency; needs no warehouse.

    Names, dates of birth, numbers and addresses become keyed Bloom filters, the person's number
    a keyed pseudonym; the rest of the contract's columns pass. Whoever holds the key can look
    names up: keep it from everybody who must not know them.

    \b
    Example:
      lifecourse linkage encode own.csv --contract expectations/reentry/enrollments.yml \\
        --key-file ~/lifecourse.key --out enrollments_2025-03.csv
    """
    from orchestration.linkage import bloom, encoded_files

    secret = encoded_files.key(key_file)
    rows = encoded_files.encode_file(source, contract, secret, out)
    click.echo(f"encoded {rows:,} rows into {out} (key check {bloom.check_of(secret)})")


@linkage.command()
@click.option("--out", type=DIRECTORY, required=True, help="Folder for the page and the JSON.")
@click.option("--truth", type=DIRECTORY, help="Folder with the truth files, for a demo.")
def report(out: Path, truth: Path | None) -> None:
    """Write the quality report of the last linkage run; counts under 11 are not shown.

    \b
    Example:
      lifecourse linkage report --out report/
    """
    from orchestration import linkage as library

    library.report(settings(), out, truth_dir=truth)
    click.echo(f"wrote {out / 'linkage_report.html'}")


@linkage.command()
@click.argument("person", type=int)
@click.option("--identified", is_flag=True, help="Also source keys; terminals only, logged.")
@AS_JSON
def explain(person: int, identified: bool, as_json: bool) -> None:
    """Why records are one person: every link as a sum of log-odds.

    Shows numbers of records and levels of comparison, nobody's name or number.

    \b
    Example:
      lifecourse linkage explain 100004217
    """
    from orchestration import linkage as library

    if identified:
        if not sys.stdout.isatty():
            raise UsageError(
                "--identified shows keys that may hold names and numbers, so it writes to a "
                "terminal only; leave it out to write to a file or a pipe."
            )
        click.echo("This look at source keys is logged in linkage.access_log.", err=True)
    told = library.explain(settings(), person, identified=identified)
    if as_json:
        print_json(told)
        return
    click.echo(f"person {person}: {len(told['records'])} source records")
    for record in told["records"]:
        key = f"  {record['source_person_key']}" if identified else ""
        click.echo(
            f"  record {record['record_number']:>8}  {record['source_system']:14} "
            f"{record['method']:14} {record['rule']}{key}"
        )
    for link in told["links"]:
        click.echo("")
        why = link["veto"] or link["doubt"]
        click.echo(
            f"records {link['left']} and {link['right']}: {link['decision']}"
            f"{f' ({why})' if why else ''}"
        )
        _waterfall(link["prior"], link["evidence"], link["match_weight"])


@linkage.command()
@click.option("--limit", default=20, show_default=True, help="At most so many.")
@AS_JSON
def review(limit: int, as_json: bool) -> None:
    """List the doubtful pairs and the bridges that wait for a steward, with their evidence.

    \b
    Example:
      lifecourse linkage review --limit 5
    """
    from orchestration import linkage as library

    items = library.review_queue(settings(), limit=limit)
    for item in items:
        # the key may hold a name and a number; the record's number names it as well
        item["left"], item["right"] = item["left"][:2], item["right"][:2]
    if as_json:
        print_json(items)
        return
    for item in items:
        (left, left_system), (right, right_system) = item["left"], item["right"]
        persons = " and ".join(map(str, item["person_ids"]))
        sides = f", {' and '.join(map(str, item['side_sizes']))}" if item["side_sizes"] else ""
        click.echo(
            f"{item['kind']} {left} ({left_system}) and {right} ({right_system}), "
            f"person {persons}: {item['reason']}{sides}"
        )
        evidence = [
            {"comparison": name, "level": None, "weight": weight}
            for name, weight in item["evidence"].items()
            if weight
        ]
        prior = item["match_weight"] - sum(item["evidence"].values())
        _waterfall(prior, evidence, item["match_weight"])
        click.echo("")
    click.echo(
        "Nothing waits for a steward."
        if not items
        else "Decide with `lifecourse linkage decide must_link|cannot_link RECORD RECORD`."
    )


@linkage.command()
@click.argument("kind", type=click.Choice(["must_link", "cannot_link"]))
@click.argument("left", type=int)
@click.argument("right", type=int)
@click.option("--reason", required=True, help="What the decision rests on.")
@click.option("--steward", required=True, help="Who decides.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day it holds.")
@click.option("--yes", is_flag=True, help="Do not ask before it is recorded.")
def decide(
    kind: str, left: int, right: int, reason: str, steward: str, expires: Any, yes: bool
) -> None:
    """Decide that two records are one person, or are not; shows first what that would move.

    \b
    Example:
      lifecourse linkage decide must_link 1041 2077 --reason "file seen" --steward "A. Reyes"
    """
    from orchestration import linkage as library
    from orchestration.progress import say

    with progress():
        keys = library.keys_of(settings(), left, right)
        changes = library.preview(settings(), say, supposed=(kind, *keys))
    _changes(changes, "The next run would change no person for it.")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nothing is recorded; add --yes to record the decision.")
        click.confirm("Record this decision?", abort=True)
    made = library.decide(
        settings(),
        kind,
        *keys,
        reason=reason,
        steward=steward,
        expires_on=expires.date() if expires else None,
    )
    until = f" until {made['expires_on']}" if made["expires_on"] else ""
    click.echo(f"decision {made['override_id']} is recorded{until}")
    if made["needs_approval"]:
        click.echo("It waits for a second person (lifecourse linkage approve):")
        for why in made["why"]:
            click.echo(f"  - {why}")
    else:
        click.echo("The next run obeys it (lifecourse run).")


@linkage.command()
@AS_JSON
def decisions(as_json: bool) -> None:
    """List stewards' decisions and whether they are in force.

    \b
    Example:
      lifecourse linkage decisions
    """
    from orchestration import linkage as library

    rows = library.decisions(settings())
    if as_json:
        print_json(rows)
        return
    for row in rows:
        until = f" until {row['expires_on']}" if row["expires_on"] else ""
        click.echo(
            f"{row['override_id']:>6}  {row['kind']:11} {row['left']} {row['right']}  "
            f"{row['state']}{until}  by {row['steward']}: {row['reason']}"
        )


@linkage.command()
@click.argument("decision", type=int)
@click.option("--approver", required=True, help="Who agrees; not who decided.")
def approve(decision: int, approver: str) -> None:
    """Agree to a decision that needs a second person.

    \b
    Example:
      lifecourse linkage approve 12 --approver "B. Okoye"
    """
    from orchestration import linkage as library

    library.approve(settings(), decision, approver=approver)
    click.echo(f"decision {decision} is in force; the next run obeys it")


@linkage.command()
@click.argument("decision", type=int)
@click.option("--reason", required=True)
@click.option("--steward", required=True)
def withdraw(decision: int, reason: str, steward: str) -> None:
    """Take a decision back.

    \b
    Example:
      lifecourse linkage withdraw 12 --reason "wrong file" --steward "A. Reyes"
    """
    from orchestration import linkage as library

    library.withdraw(settings(), decision, steward=steward, reason=reason)
    click.echo(f"decision {decision} is withdrawn; the next run looks at the records afresh")


@linkage.command()
@AS_JSON
def preview(as_json: bool) -> None:
    """What the next run would merge, split and move, and the spells that go with it.

    \b
    Example:
      lifecourse linkage preview
    """
    from orchestration import linkage as library
    from orchestration.progress import say

    with progress():
        changes = library.preview(settings(), say)
    if as_json:
        print_json(changes)
    else:
        _changes(changes, "The next run would merge, split and move nobody.")


@linkage.command()
@click.option("--yes", is_flag=True, help="Do not ask before ids change.")
def relink(yes: bool) -> None:
    """Look at every record again and mend what runs on new records leave; shows first whom.

    A run looks at what is new and at whom that could reach, and leaves everybody else as they are,
    also where a name has become commoner since. Once a year is enough.

    \b
    Example:
      lifecourse linkage relink
    """
    from orchestration import linkage as library
    from orchestration.progress import say

    with progress():
        changes = library.preview(settings(), say, full=True)
    _changes(changes, "No person would be merged, split or moved.")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nothing is changed; add --yes to look at every record again.")
        click.confirm("Look at every record again?", abort=True)
    with progress():
        report = library.link(settings(), say, full=True)
    click.echo(report.sentence)
    click.echo("Tables and pages follow with the next run (lifecourse run).")


def _changes(changes: list[dict], nothing: str) -> None:
    for change in changes:
        least = "" if change["is_exact"] else "at most "
        spells = ", ".join(f"{number} {name}" for name, number in change["spells"].items())
        click.echo(
            f"{change['change']:5}  {change['from_person_id']} -> {change['to_person_id']}  "
            f"{change['records']} of {change['of']} source records; spells: "
            f"{least + spells if spells else 'none'}"
        )
    if not changes:
        click.echo(nothing)


# Columns of a bar for 20 bits, beyond which every sum is beyond doubt.
_BAR, _BITS = 20, 20.0


def _waterfall(prior: float, evidence: list[dict], total: float) -> None:
    """The sum from the prior to the match weight, largest step first, in log2 odds."""
    steps = sorted(evidence, key=lambda step: -abs(step["weight"]))
    lines = [("prior", "two records at random", prior)]
    lines += [(step["comparison"], step["level"] or "", step["weight"]) for step in steps]
    lines.append(("match weight", "", total))
    for name, level, weight in lines:
        bar = "#" * max(1, round(min(1.0, abs(weight) / _BITS) * _BAR))
        left, right = (bar, "") if weight < 0 else ("", bar)
        click.echo(f"  {name:24.24} {level:28.28} {weight:+7.2f}  {left:>{_BAR}}|{right}".rstrip())
