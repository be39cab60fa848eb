"""The command line, `lifecourse`: the one entry point; make targets only wrap it.

Exit codes: 0 done, 1 a gate held or a check failed, 2 wrong usage, 3 the environment
(server, disk, port) is not usable. Figures go to standard output, progress to standard
error. Add here: a command and its words. Keep out: work; every command is a library call.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli_linkage import linkage
from orchestration.cli_shared import AS_JSON, DIRECTORY
from orchestration.cli_shared import print_json as _print_json
from orchestration.cli_shared import progress as _progress
from orchestration.cli_shared import settings as _settings
from orchestration.errors import LifecourseError
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.quality.precheck import Precheck


class _Group(click.Group):
    """Turns our errors into one line and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except LifecourseError as error:
            click.echo(f"lifecourse: {error}", err=True)
            context.exit(error.exit_code)
        except BrokenPipeError:
            raise  # who reads the output has seen enough (`| head`): click ends without a word
        except OSError as error:
            from orchestration.errors import UnusableEnvironment

            click.echo(
                f"lifecourse: {error.strerror or error}"
                f"{f' ({error.filename})' if error.filename else ''}; check the disk and the "
                "folder's owner, then run again.",
                err=True,
            )
            context.exit(UnusableEnvironment.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lifecourse", message="%(version)s")
def main() -> None:
    """An integrated data system: extracts in, gated, linked, a life course out.

    \b
    Example:
      lifecourse run --deliveries /data/from-agencies
    """


# --- the warehouse ---------------------------------------------------------------------


@main.command()
@AS_JSON
def up(as_json: bool) -> None:
    """Start the warehouse and keep it up until `lifecourse down`.

    \b
    Example:
      lifecourse up
    """
    from orchestration import server, warehouse

    settings = _settings()
    if settings.database_url:
        warehouse.connect(settings).close()
    else:
        server.start(settings, keep=True)
    _status(settings, as_json)


@main.command()
def down() -> None:
    """Stop the embedded warehouse. Nothing is lost.

    \b
    Example:
      lifecourse down
    """
    from orchestration import server

    settings = _settings()
    if settings.database_url:
        click.echo("The warehouse is a server of your own; lifecourse does not stop it.")
    else:
        click.echo("stopped" if server.stop(settings) else "it was not running")


@main.command()
@AS_JSON
def status(as_json: bool) -> None:
    """Is the warehouse up, and where?

    \b
    Example:
      lifecourse status --json
    """
    _status(_settings(), as_json)


def _status(settings: Settings, as_json: bool) -> None:
    from orchestration import server, warehouse

    if settings.database_url:
        with warehouse.connect(settings) as connection:
            version = connection.execute("show server_version").fetchone()[0]
        facts = {"state": "running", "server": "configured", "version": version}
    else:
        facts = server.status(settings)
    if as_json:
        _print_json(facts)
        return
    facts["disk_free"] = f"{facts['disk_free'] / 1e9:.1f} GB" if "disk_free" in facts else None
    for name, value in facts.items():
        if value is not None:
            shown = {True: "yes", False: "no"}.get(value, value)
            click.echo(f"{name.replace('_', ' '):12} {shown}")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse.

    \b
    Example:
      lifecourse psql -c 'select count(*) from core.person'
    """
    import shutil
    import subprocess

    from orchestration import server, warehouse
    from orchestration.errors import UnusableEnvironment

    settings = _settings()
    facts = warehouse.environment(settings)
    program = server.binary("psql") or shutil.which("psql")
    if not program:
        raise UnusableEnvironment("psql is not installed; install the PostgreSQL client.")
    variables = {
        "PGHOST": facts["LIFECOURSE_PG_HOST"],
        "PGPORT": facts["LIFECOURSE_PG_PORT"],
        "PGUSER": facts["LIFECOURSE_PG_USER"],
        "PGPASSWORD": facts["LIFECOURSE_PG_PASSWORD"],
        "PGDATABASE": facts["LIFECOURSE_PG_DATABASE"],
        **{name: value for name, value in facts.items() if name == "PGOPTIONS"},
    }
    sys.exit(
        subprocess.run(
            [program, *arguments], env={**os.environ, **variables}, check=False
        ).returncode
    )


@main.command()
def env() -> None:
    """Print the variables dbt needs in your own shell; keep the warehouse up with `up`.

    \b
    Example:
      lifecourse up && eval "$(lifecourse env)" && dbt build --select person
    """
    from orchestration import warehouse

    for name, value in warehouse.environment(_settings()).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dbt(arguments: tuple[str, ...]) -> None:
    """Run dbt on the warehouse.

    \b
    Example:
      lifecourse dbt test --select person
    """
    from orchestration import dbt as library

    sys.exit(library.passthrough(_settings(), arguments))


@main.command()
def setup() -> None:
    """Prepare the working folder: the dbt profile and the parsed project.

    \b
    Example:
      lifecourse setup
    """
    from orchestration import dbt as library

    settings = _settings()
    settings.make_folders()
    library.ensure_manifest(settings)


# --- the main job ----------------------------------------------------------------------


@main.command()
@click.option("--deliveries", type=DIRECTORY, help="Folder agencies deliver into.")
@click.option("--agency", help="Only this agency.")
@click.option("--through", metavar="YYYY-MM", help="No delivery later than this one.")
@AS_JSON
def run(deliveries: Path | None, agency: str | None, through: str | None, as_json: bool) -> None:
    """Take in every new delivery, gate it, link it, build and release.

    \b
    Example:
      lifecourse run --deliveries /data/from-agencies --agency k12
    """
    from orchestration import pipeline

    settings = _settings()
    with _progress() as echo:
        report = pipeline.run(
            settings, deliveries or settings.deliveries, agency=agency, through=through, echo=echo
        )
    if as_json:
        _print_json(
            {
                "accepted": report.accepted,
                "already_loaded": report.known,
                "duplicates": report.duplicates,
                "held": report.held,
                "rejected": report.rejected,
                "built": report.built,
            }
        )
    else:
        click.echo(pipeline.sentence(report))
    sys.exit(report.exit_code)


@main.command()
@click.argument("agencies", nargs=-1, metavar="[AGENCY ...]")
@click.option("--deliveries", type=DIRECTORY, help="Folder to copy into.")
@AS_JSON
def pull(agencies: tuple[str, ...], deliveries: Path | None, as_json: bool) -> None:
    """Copy what is new from the agencies' servers into the deliveries folder.

    Where a file lies is said by its contract (`servers`) or by the file that LIFECOURSE_SERVERS
    names; credentials come from the environment variables named there. Without AGENCY, all.

    \b
    Example:
      lifecourse pull k12 jail && lifecourse run
    """
    from dataclasses import asdict, replace

    from orchestration import landing, pulling
    from orchestration.progress import say

    settings = _settings()
    if deliveries:
        settings = replace(settings, deliveries=deliveries)
    contracts = landing.load_contracts(settings.contracts)
    with _progress():
        report = pulling.pull(
            settings, pulling.served(settings, contracts), agencies=agencies, progress=say
        )
    if as_json:
        _print_json(
            {
                "files": [asdict(file) for file in report.files],
                "unchanged": report.unchanged,
                "problems": [str(problem) for problem in report.problems],
            }
        )
    else:
        for file in report.files:
            click.echo(f"pulled {file.place} ({file.bytes:,} bytes)")
        click.echo(f"{len(report.files)} new files, {report.unchanged} unchanged")
    for problem in report.problems:
        click.echo(f"lifecourse: {problem}", err=True)
    sys.exit(max((problem.exit_code for problem in report.problems), default=0))


@main.command("deliveries")
@click.option("--late", is_flag=True, help="What is owed instead: due, late, waiting, next.")
@click.option("--on", "today", type=click.DateTime(["%Y-%m-%d"]), help="Judge by this day.")
@AS_JSON
def list_deliveries(late: bool, today: datetime | None, as_json: bool) -> None:
    """List delivered files, the rules that held them, and what is late.

    \b
    Example:
      lifecourse deliveries --late --on 2025-04-20
    """
    from orchestration import summary as library
    from orchestration import timeliness

    owed = timeliness.expected(_settings(), today=today.date() if today else None)
    if late:
        if as_json:
            _print_json(owed)
            return
        click.echo(f"{'file':34} {'period':10} {'due':10} {'days late':>9}  state")
        for row in owed:
            rejected = ", what came was rejected" if row["was_rejected"] else ""
            click.echo(
                f"{row['agency'] + '/' + row['file']:34} {row['period']:10} {row['due_on']!s:10} "
                f"{row['days_late'] or '':>9}  {row['state']}{rejected}"
            )
        return
    rows = library.deliveries(_settings())
    if as_json:
        _print_json(rows)
        return
    usual = ("original", "full_replacement")
    click.echo(
        f"{'load':>6} {'delivery':12} {'file':34} {'period':8} {'received':16} {'rows':>9}  status"
    )
    for row in rows:
        name = f"{row['agency']}/{row['file']}"
        count = "" if row["rows"] is None else f"{row['rows']:,}"
        click.echo(
            f"{row['load_id']:>6} {row['delivery']:12} {name:34} {row['period']:8} "
            f"{row['received'][:16]:16} {count:>9}  {row['status']}"
            + ("" if row["type"] in usual else f" {row['type'].replace('_', ' ')}")
        )
        if row["status"] in ("held", "rejected", "duplicate") and row["reason"]:
            click.echo(f"{'':14}{row['reason']}")
        if row["note"]:
            click.echo(f"{'':14}{row['note']}")
        if row["set_aside"]:
            click.echo(f"{'':14}{row['set_aside']:,} set aside for breaking a rule; see the desk.")
        for rule in row["failed_rules"]:
            click.echo(f"{'':14}- {rule['severity']}: {rule['message']}")
    for sentence in timeliness.summed_up(owed):
        click.echo(f"late    {sentence}")


@main.command()
def notify() -> None:
    """Tell by mail and webhook of held, rejected and late deliveries that were not told yet.

    `run` does it at its end; for deliveries that stay away, call this every morning. Where to
    send to comes from the environment, see the README.

    \b
    Example:
      lifecourse notify
    """
    from orchestration import notify as library
    from orchestration.errors import UsageError

    if not library.channels():
        raise UsageError("Neither LIFECOURSE_SMTP_HOST nor LIFECOURSE_WEBHOOK_URL is set.")
    sent = library.send(_settings())
    told = (f"{number} events by {name}" for name, number in sent.items())
    click.echo(", ".join(told) or "nothing new to tell")


@main.command()
@AS_JSON
def summary(as_json: bool) -> None:
    """Rows of each published table, persons, households, spells by program.

    \b
    Example:
      lifecourse summary
    """
    from orchestration import summary as library

    facts = library.summary(_settings())
    if as_json:
        _print_json(facts)
        return
    _print_figures(facts)
    for table, rows in facts["tables"].items():
        click.echo(f"  {table:52} {rows:>12,}")


def _print_figures(facts: dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {status}" for status, number in facts["deliveries"].items())
    click.echo(f"files       {counts or 'none yet'}")
    click.echo(f"persons     {facts['persons']:,}")
    click.echo(f"households  {facts['households']:,}")
    click.echo("spells      by program")
    for program, number in facts["spells"].items():
        click.echo(f"  {program:28} {number:>8,}")


@main.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--contract", required=True, help="Its YAML file, or agency/file.")
@AS_JSON
def check_file(file: Path, contract: str, as_json: bool) -> None:
    """Judge a file by the gate's rules before it is sent; needs no warehouse.

    Rules that compare with earlier deliveries or other files are not applicable here.

    \b
    Example:
      lifecourse check case_members_2025-03.csv --contract benefits/case_members
    """
    from orchestration.quality import precheck

    with _progress():
        found = precheck.check(_settings(), file, contract)
    if as_json:
        _print_json(
            {
                "passed": found.passed,
                "rejected": found.rejected,
                "rows": found.rows,
                "results": [vars(result) for result in found.results],
            }
        )
    else:
        for line in _checked(found):
            click.echo(line)
    if not found.passed:
        raise SystemExit(1)


def _checked(found: Precheck) -> Iterator[str]:
    if found.rejected:
        yield f"would be rejected: {found.rejected}"
        return
    counts = Counter(result.status for result in found.results)
    for status in ("error", "failed"):
        for result in found.results:
            if result.status == status:
                mark = "holds the file" if result.blocks else result.severity
                yield f"{result.rule_id} ({mark})"
                yield f"  {result.message}"
                yield f"  {result.fix}"
    rows = ", ".join(f"{count:,} rows of {table}" for table, count in found.rows.items())
    told = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in sorted(counts.items()))
    yield f"{rows}; rules: {told}"
    yield "would be accepted as far as the file alone tells" if found.passed else "would be held"


@main.command("new-source")
@click.argument("agency")
@click.argument("file")
@click.option(
    "--sample",
    type=click.Path(path_type=Path),
    required=True,
    help="A file as the agency delivers it.",
)
@click.option(
    "--layout",
    type=click.Path(path_type=Path),
    help="CSV with the positions of a fixed-width file.",
)
def new_source(agency: str, file: str, sample: Path, layout: Path | None) -> None:
    """Write contract, rules, staging model, fixture and test of a new source from a sample.

    \b
    Example:
      lifecourse new-source library loans --sample loans.csv
    """
    from orchestration import new_source as library

    made = library.create(_settings(), agency, file, sample, layout=layout)
    click.echo(library.describe(made))


@main.command("export-core")
@click.option("--out", type=DIRECTORY, required=True, help="A new folder for the files.")
def export_core(out: Path) -> None:
    """Write what another engine builds core, panels and marts from, as Parquet.

    Pseudonymised rows of persons, no identifiers; the folder is closed to other users.
    docs/scale.md says how Spark builds from it.

    \b
    Example:
      lifecourse export-core --out /data/lakehouse/2026-11
    """
    from orchestration.lakehouse import export

    with _progress() as echo:
        path = export.export(_settings(), out, echo)
    click.echo(f"written: {path.parent}")


# --- the steward desk ------------------------------------------------------------------


@main.group()
def desk() -> None:
    """The web page where stewards see loads and decide."""


@desk.command()
@click.option("--port", default=8321, show_default=True)
def serve(port: int) -> None:
    """Serve the desk on this machine until interrupted.

    \b
    Example:
      lifecourse desk serve
    """
    from orchestration import desk as library

    click.echo(f"the steward desk is at http://{library.HOST}:{port} (Ctrl-C ends it)", err=True)
    library.serve(_settings(), port=port)


@desk.command("add-user")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help="May be given several times.")
@click.option("--agency", "agencies", multiple=True, help="Only for this agency; several times.")
def add_user(name: str, roles: tuple[str, ...], agencies: tuple[str, ...]) -> None:
    """Let someone sign in, or change their roles and password.

    Roles: viewer, steward, approver, linkage, identified. The password is asked for, or read
    from standard input when that is no terminal.

    \b
    Example:
      lifecourse desk add-user r.lee --role steward --agency k12
    """
    from orchestration.desk import users

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    users.add(_settings(), name, password, roles=roles, agencies=agencies or ("*",))
    click.echo(f"{name} may sign in: {', '.join(roles)}")


@desk.command("remove-user")
@click.argument("name")
def remove_user(name: str) -> None:
    """Let someone sign in no longer.

    \b
    Example:
      lifecourse desk remove-user r.lee
    """
    from orchestration.desk import users

    users.remove(_settings(), name)
    click.echo(f"{name} may no longer sign in")


@main.command()
@click.argument("load_id", type=int)
@click.option("--release", "verb", flag_value="release", help="Publish it all the same.")
@click.option("--reject", "verb", flag_value="reject", help="Never publish it.")
@click.option("--reason", required=True)
@click.option("--steward", required=True, help="Who decides.")
def decide(load_id: int, verb: str | None, reason: str, steward: str) -> None:
    """Release or reject a held load; see `lifecourse deliveries`.

    \b
    Example:
      lifecourse decide 41 --release --steward r.lee --reason "The program closed in May."
    """
    from orchestration.errors import UsageError
    from orchestration.quality import decisions

    if verb is None:
        raise UsageError("Say --release or --reject.")
    done = (decisions.release if verb == "release" else decisions.reject)(
        _settings(), load_id, steward=steward, reason=reason
    )
    click.echo(done.sentence)


@main.command()
@click.argument("decision", type=int)
@click.option("--approver", required=True, help="Who approves; not who decided.")
def approve(decision: int, approver: str) -> None:
    """Approve a decision that waits for a second person.

    \b
    Example:
      lifecourse approve 7 --approver m.diaz
    """
    from orchestration.quality import decisions

    click.echo(decisions.approve(_settings(), decision, approver=approver).sentence)


# --- linkage and the county ------------------------------------------------------------


main.add_command(linkage)


@main.group()
def county() -> None:
    """Make a fictional county to try things on."""


@county.command()
@click.option("--persons", default=20_000, show_default=True)
@click.option("--months", default=6, show_default=True)
@click.option("--seed", default=2026, show_default=True)
@click.option("--out", type=DIRECTORY, required=True)
@click.option("--bad-delivery/--no-bad-delivery", default=True, show_default=True)
@click.option("--processes", type=int, help="Agencies that write at a time.")
@click.option(
    "--hmis-csv",
    type=click.Choice(["2024", "2026"]),
    default="2026",
    show_default=True,
    help="Fiscal year of the homeless services' format.",
)
@AS_JSON
def generate(
    persons: int,
    months: int,
    seed: int,
    out: Path,
    bad_delivery: bool,
    processes: int | None,
    hmis_csv: str,
    as_json: bool,
) -> None:
    """Write the county's deliveries to OUT/observed and the truth to OUT/truth.

    \b
    Example:
      lifecourse county generate --persons 20000 --months 6 --seed 2026 --out /tmp/county
    """
    from dataclasses import asdict

    from orchestration import county as library
    from orchestration.progress import say

    with _progress():
        made = library.generate(
            out,
            persons=persons,
            months=months,
            seed=seed,
            bad_delivery=bad_delivery,
            processes=processes,
            hmis_csv=hmis_csv,
            progress=lambda text: say(f"county: {text}", stage=True),
        )
    if as_json:
        _print_json({**asdict(made), "out": str(made.out)})
        return
    click.echo(f"deliveries in {out / 'observed'}, truth in {out / 'truth'}")
    click.echo(
        f"{persons:,} persons, {months} months: {made.files:,} files, "
        f"{sum(made.rows.values()):,} rows, {made.size / 1e9:.2f} GB in {made.seconds:.0f} s; "
        f"largest process {made.memory / 1e9:.2f} GB"
    )


@main.command("as-of")
@click.argument("load_id", type=int)
@click.option("--select", multiple=True, help="Build this model and what it needs; all by default.")
def as_of(load_id: int, select: tuple[str, ...]) -> None:
    """Build everything again as it was when a load was published, in schemas of its own.

    \b
    Example:
      lifecourse as-of 42 --select program_overlap
      lifecourse psql -c 'select * from as_of_42_marts_indicators.program_overlap'
    """
    from orchestration import dbt as library

    for schema in library.rebuild_as_of(_settings(), load_id, select):
        click.echo(schema)


@main.group()
def truth() -> None:
    """Compare the release with the truth of a fictional county."""


@truth.command("score")
@click.argument("folder", type=DIRECTORY)
@AS_JSON
def truth_score(folder: Path, as_json: bool) -> None:
    """Person-months in the true household, tract and program; counts of programs and of marts.

    \b
    Example:
      lifecourse truth score .lifecourse/demo
    """
    from orchestration import truth_mart_places, truth_marts, truth_programs
    from orchestration import truth_score as library

    facts = library.score(_settings(), folder)
    programs = truth_programs.score(_settings(), folder)
    marts = truth_marts.score(_settings(), folder)
    residents = truth_mart_places.residents(_settings(), folder)
    births = truth_mart_places.birthplaces(_settings(), folder)
    if as_json:
        unjudged = {"population_frame": residents, "birthplaces": births}
        _print_json({**facts, "participation": programs, "marts": marts, **unjudged})
        return
    for table, figures in facts.items():
        for name, value in figures.items():
            shown = "-" if value is None else f"{value:,}" if isinstance(value, int) else value
            click.echo(f"{table:10} {name:16} {shown}")
    click.echo(f"\n{'program':26} precision  recall      f1  persons    error")
    for name, row in {**programs["programs"], "overall": programs["overall"]}.items():
        cells = [f"{row[key] or 0:.4f}" for key in ("precision", "recall", "f1")]
        click.echo(
            f"{name:26} {cells[0]:>9} {cells[1]:>7} {cells[2]:>7} {row['true_persons']:8,} "
            f"{row['count_error'] or 0:+8.2%}"
        )
    if programs["not_scored"]:
        click.echo(f"in the truth and in no spell: {', '.join(programs['not_scored'])}")
    for frame, row in residents.items():
        click.echo(
            f"\n{frame}: {row['residents']:,} residents, {row['covered'] or 0:.2%} of them in it; "
            f"{row['in_frame']:,} persons in it, {row['residing'] or 0:.2%} of them residents"
        )
    click.echo(
        f"births: of {births['children']:,} children with a tract at birth the mother of "
        f"{births['mother_there'] or 0:.2%} lived in it, and {births['child_there'] or 0:.2%} "
        "themselves"
    )
    click.echo(f"\n{'marts':56}    true   found    error  stated  within")
    for mart, counts in marts.items():
        for name, row in counts.items():
            error = "-" if row["error"] is None else f"{row['error']:+.2%}"
            click.echo(
                f"{mart + ': ' + name:56} {row['true']:7,} {row['found']:7,} {error:>8} "
                f"{row['stated_error']:7.2%}  {'yes' if row['is_within'] else 'no'}"
            )


@main.group()
def bench() -> None:
    """Measure: the figures of docs/benchmarks.md come from here."""


@bench.command("linkage")
@click.argument(
    "name", type=click.Choice(["febrl3", "febrl4", "pseudopeople-2020", "pseudopeople-all"])
)
@AS_JSON
def bench_linkage(name: str, as_json: bool) -> None:
    """Accuracy of linkage on public test data with a known truth.

    \b
    Example:
      lifecourse bench linkage pseudopeople-2020
    """
    from orchestration.bench import linkage as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(name, progress=say)
    if as_json:
        _print_json(figures)
        return
    click.echo(f"{figures['records']:,} records of {figures['persons']:,} persons")
    for way in ("no_labels", "labels"):
        if figures[way]:
            told = (f"{word} {figures[way][word]:.4f}" for word in ("precision", "recall", "f1"))
            click.echo(f"{way:10} {'  '.join(told)}")


@bench.command("scale")
@click.argument("records", type=int)
@click.option("--splink/--no-splink", "splink_runs", default=True, show_default=True)
@click.option("--threads", type=int, help="At most so many; DuckDB's default without.")
def bench_scale(records: int, splink_runs: bool, threads: int | None) -> None:
    """CPU seconds and memory of linkage beside plain Splink, in one run; prints JSON.

    \b
    Example:
      lifecourse bench scale 200000
    """
    from orchestration.bench import scale as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(records, splink_runs=splink_runs, threads=threads, progress=say)
    _print_json(figures)


@bench.command("county")
@click.argument("persons", type=int)
@click.option("--months", default=24, show_default=True)
@click.option("--processes", type=int, help="Agencies that write at a time.")
@click.option("--folder", type=DIRECTORY, help="Where there is room for the county meanwhile.")
def bench_county(persons: int, months: int, processes: int | None, folder: Path | None) -> None:
    """Time, memory and bytes of making a fictional county, which is deleted; prints JSON.

    \b
    Example:
      lifecourse bench county 100000 --months 24
    """
    from orchestration.bench import county as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(
            persons, months=months, processes=processes, folder=folder, progress=say
        )
    _print_json(figures)


@bench.command("encoded")
@click.option("--truth", type=DIRECTORY, help="Folder with the truth of the warehouse's county.")
@click.option("--source", help="Source system to encode; hmis of a county, census of the sample.")
def bench_encoded(truth: Path | None, source: str | None) -> None:
    """What linking one source on encodings costs in accuracy; prints JSON.

    Of the county in the warehouse where its truth is named, else of pseudopeople 2020.

    \b
    Example:
      lifecourse bench encoded --truth .lifecourse/demo/truth
    """
    from orchestration.bench import encoded as library
    from orchestration.progress import say

    with _progress():
        if truth:
            figures = library.run(_settings(), truth, source=source or "hmis", progress=say)
        else:
            figures = library.run_sample(source=source or "census", progress=say)
    _print_json(figures)


@bench.command("increment")
@click.argument("records", type=int, default=200_000)
@AS_JSON
def bench_increment(records: int, as_json: bool) -> None:
    """CPU seconds of linking 1 % new records beside a full run, database included.

    \b
    Example:
      lifecourse bench increment 200000
    """
    from orchestration.bench import increment as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(_settings(), records, progress=say)
    if as_json:
        _print_json(figures)
        return
    for name in ("first", "increment", "full"):
        run = figures[name]
        click.echo(
            f"{name:10} {run['cpu_seconds']:>8,.2f} CPU-s, {run['of_the_server']:,.2f} of them the "
            f"server's; {run['recomputed']:,} source records looked at"
        )
    click.echo(f"increments {', '.join(f'{spent:,.2f}' for spent in figures['increments'])} CPU-s")
    click.echo(
        f"{figures['new_records']:,} new of {figures['records']:,} records cost "
        f"{figures['ratio']:.1%} of a full run; {figures['ids_changed']:,} ids changed outside "
        f"what it touched; {figures['same_clusters']:.4%} of records clustered as in a full run"
    )


@bench.command("landing")
@click.argument("rows", type=int, default=10_000_000)
@AS_JSON
def bench_landing(rows: int, as_json: bool) -> None:
    """Rows a second from a wage file to its published staging table, gate included.

    \b
    Example:
      lifecourse bench landing 1000000
    """
    from orchestration.bench import landing as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(_settings(), rows, progress=say)
    if as_json:
        _print_json(figures)
        return
    click.echo(f"{'phase':16} {'wall s':>8} {'Python CPU-s':>13} {'server CPU-s':>13}")
    for name, phase in figures.pop("phases").items():
        server = phase["server_cpu_seconds"]
        click.echo(
            f"{name:16} {phase['seconds']:>8,.1f} {phase['client_cpu_seconds']:>13,.1f} "
            f"{'' if server is None else f'{server:,.1f}':>13}"
        )
    for name, value in figures.items():
        shown = "unknown" if value is None else f"{value:,}"
        click.echo(f"{name.replace('_', ' '):24} {shown:>12}")


@bench.command("gate-cost")
@click.argument("rows", type=int, default=1_000_000)
@click.option("--rounds", type=int, default=3, show_default=True, help="Rounds to measure.")
@AS_JSON
def bench_gate_cost(rows: int, rounds: int, as_json: bool) -> None:
    """Seconds to judge sixty expectations beside three queries written by hand, in one run.

    \b
    Example:
      lifecourse bench gate-cost 1000000 --json
    """
    from orchestration.bench import gate_cost as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(_settings(), rows, rounds=rounds, progress=say)
    if as_json:
        _print_json(figures)
        return
    click.echo(
        f"{figures['expectations']} expectations on {figures['rows']:,} rows of "
        f"{figures['columns']} columns, median of {figures['rounds']} rounds: by hand "
        f"{figures['by_hand_seconds']:.2f} s, the gate {figures['gate_seconds']:.2f} s, "
        f"ratio {figures['ratio']:.2f}"
    )


@bench.command("spells")
@click.argument("persons", type=int, default=1_000_000)
@click.option("--growth", is_flag=True, help="A tenth of the persons first, and how cost grows.")
@click.option("--sessions", type=int, help="Parallel sessions and threads; all cores by default.")
@AS_JSON
def bench_spells(persons: int, growth: bool, sessions: int | None, as_json: bool) -> None:
    """Seconds to build spells and person-months beside DuckDB, and again for 1 % of the persons.

    \b
    Example:
      lifecourse bench spells 1000000 --growth
    """
    from orchestration.bench import spells as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(_settings(), persons, growth=growth, sessions=sessions, progress=say)
    if as_json:
        _print_json(figures)
        return
    for step, row in figures["steps"].items():
        click.echo(
            f"{step:12} {row['rows']:>12,} rows  PostgreSQL {row['postgres_seconds']:8.1f} s  "
            f"DuckDB {row['duckdb_seconds']:8.1f} s  ratio {row['ratio']:.2f}"
        )
    delta = figures["delta"]
    click.echo(
        f"{delta['changed_rows']:,} rows of {delta['touched_persons']:,} persons changed: "
        f"{delta['cpu_seconds']:,.2f} CPU-s beside {delta['full_cpu_seconds']:,.2f} for all, "
        f"{delta['share']:.1%}; the same rows"
    )
    for step, row in figures.get("growth", {"steps": {}})["steps"].items():
        fewer, more = figures["growth"]["persons"]
        click.echo(
            f"{step:12} from {fewer:,} to {more:,} persons: {row['cpu_seconds'][0]:,.2f} to "
            f"{row['cpu_seconds'][1]:,.2f} CPU-s, {row['ratio']:.1f} times; n log n is "
            f"{row['n_log_n']:.1f} times"
        )


@bench.command("delta")
@AS_JSON
def bench_delta(as_json: bool) -> None:
    """CPU seconds of a build after 1 % of the persons changed beside a full one, on a copy.

    \b
    Example:
      lifecourse bench delta
    """
    from orchestration.bench import delta as library
    from orchestration.progress import say

    with _progress():
        figures = library.run(_settings(), progress=say)
    if as_json:
        _print_json(figures)
        return
    click.echo(
        f"{figures['changed_rows']:,} rows of {figures['touched_persons']:,} of "
        f"{figures['persons']:,} persons taken back; CPU-s of the server (of dbt itself)"
    )
    click.echo(f"{'':18} {'nothing changed':>18} {'1 % changed':>18} {'in full':>18}")
    for part in library.PARTS:
        spent = [figures["builds"][build][part] for build in ("nothing", "delta", "full")]
        click.echo(
            f"{part:18} "
            + " ".join(
                f"{row['server_cpu_seconds']:>10,.1f} ({row['dbt_cpu_seconds']:,.1f})".rjust(18)
                for row in spent
            )
        )
    for table, row in figures["tables"].items():
        click.echo(f"{table:32} {row['written']:>10,} of {row['rows']:>12,} rows written")
    click.echo(
        f"of a full build, at the server: {figures['share']:.1%}; of the tables built by person: "
        f"{figures['share_by_person']:.1%}; the same rows"
    )


@bench.command("gates")
@click.option("--persons", default=4_000, show_default=True)
@click.option("--months", default=24, show_default=True)
@click.option("--seed", default=2026, show_default=True, help="Of the county and of the faults.")
@click.option("--copies", default=1, show_default=True, help="Times each fault is tried.")
@click.option("--clean", is_flag=True, help="Good deliveries only: count false holds.")
@click.option("--quick", is_flag=True, help="5 months and 40 of the faults.")
@click.option("--county", type=DIRECTORY, help="A county that is there already.")
@AS_JSON
def bench_gates(
    persons: int,
    months: int,
    seed: int,
    copies: int,
    clean: bool,
    quick: bool,
    county: Path | None,
    as_json: bool,
) -> None:
    """What the gate holds: a county's good deliveries, and copies of them with one fault each.

    \b
    Example:
      lifecourse bench gates --persons 4000 --months 24 --seed 1009
    """
    from orchestration.bench import gates as library
    from orchestration.bench.gates_table import table
    from orchestration.progress import say

    with _progress():
        figures = library.run(
            _settings(),
            persons=persons,
            months=5 if quick else months,
            seed=seed,
            copies=copies,
            most=40 if quick else None,
            faults=not clean,
            county=county,
            progress=say,
        )
    if as_json:
        _print_json(figures)
        return
    for line in table(figures):
        click.echo(line)


# --- demo and pages --------------------------------------------------------------------


@main.command()
@click.option("--persons", default=5_000, show_default=True)
@click.option("--months", default=3, show_default=True)
@click.option("--reset", is_flag=True, help="Delete the demo and its warehouse instead.")
def demo(persons: int, months: int, reset: bool) -> None:
    """The whole job on a fictional county, with one delivery bad on purpose.

    \b
    Example:
      lifecourse demo --persons 5000 --months 4
    """
    from orchestration import demo as library

    settings = _settings()
    if reset:
        library.reset(settings)
        click.echo("the demo and its warehouse are deleted")
        return
    with _progress() as echo:
        result = library.run(settings, persons=persons, months=months, echo=echo)
    click.echo("")
    _print_figures(result.summary)
    click.echo(
        f"linkage     precision {result.score['precision']:.4f}, "
        f"recall {result.score['recall']:.4f} (pairs, against the county's truth)"
    )
    click.echo(f"held        {result.held_sentence}")
    click.echo(f"untouched   {result.untouched_sentence}")
    click.echo("")
    for name, where in result.look_next.items():
        click.echo(f"{name:12} {where}")
    sys.exit(result.exit_code)


@main.command()
@click.option("--port", default=3000, show_default=True)
@click.option("--deliveries", type=DIRECTORY, help="Folder the UI's runs read.")
def ui(port: int, deliveries: Path | None) -> None:
    """Open Dagster's UI on this machine (no login: it listens on 127.0.0.1 only).

    \b
    Example:
      lifecourse ui --port 3001
    """
    import socket

    from orchestration import pipeline
    from orchestration.errors import UnusableEnvironment

    settings = _settings()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnusableEnvironment(
                f"Port {port} on 127.0.0.1 is taken; name another with --port."
            ) from error
    pipeline.prepare_ui(settings, deliveries)
    dagster = Path(sys.executable).with_name("dagster")
    click.echo(f"Dagster's UI: http://127.0.0.1:{port}  (Ctrl-C ends it)", err=True)
    os.execv(
        dagster,
        [
            str(dagster),
            "dev",
            "-m",
            "orchestration.definitions",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "--log-level",
            "warning",
        ],
    )


@main.command("dictionary")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; the docs' by default."
)
def dictionary_(out: Path | None) -> None:
    """Write the public data dictionary: what there is, and what cannot be had and why.

    \b
    Example:
      lifecourse dictionary --out /tmp/dictionary
    """
    import json

    from orchestration import dbt, dictionary, landing, warehouse

    settings = _settings()
    manifest = json.loads(dbt.ensure_manifest(settings).read_text())
    with warehouse.connect(settings) as connection:
        found = connection.execute("select to_regclass('core.source_coverage')").fetchone()[0]
        coverage = {
            system: (str(first), str(last))
            for system, first, last in connection.execute(
                "select source_system, min(coverage_start), max(coverage_end)"
                " from core.source_coverage group by source_system"
            ).fetchall()
        } if found else {}  # fmt: skip
    entries = dictionary.entries(landing.load_contracts(settings.contracts), manifest, coverage)
    for path in dictionary.write(entries, out or settings.docs / "dictionary").values():
        click.echo(path)
    counts = {a: sum(e.availability == a for e in entries) for a in
              ("open", "protected", "unavailable")}  # fmt: skip
    click.echo(", ".join(f"{n:,} {a}" for a, n in counts.items()) + " columns")


@main.command()
def docs() -> None:
    """Make the Data Docs and the dbt docs; both open offline.

    \b
    Example:
      lifecourse docs
    """
    from orchestration import pipeline

    with _progress():
        pages = pipeline.make_docs(_settings())
    for name, path in pages.items():
        click.echo(f"{name:12} {path}")
