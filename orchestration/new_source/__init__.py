"""A new source from a sample file: contract, rules, staging model, fixture and unit test.

`create` reads the sample, guesses what it can (columns), writes the contract with a `# confirm:`
wherever a person must decide (contract_text), derives from that contract what dbt needs (derive,
fixtures), proves that landing takes the sample and the fixture under it, and only then moves all
files into the project at once. No value of the sample is written but the codes of coded columns.
Add here: a file that every source has. Keep out: guesses, rendering.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestration.errors import LifecourseError, UsageError
from orchestration.landing.contracts import NAME, Contract, load_contract, load_contracts
from orchestration.settings import Settings

__all__ = ["NewSource", "NextStep", "create", "describe"]


@dataclass(frozen=True)
class NextStep:
    """A place that a person should look at. path: relative to the project; line: from 1."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path.as_posix()}:{self.line}: {self.what}"


@dataclass(frozen=True)
class NewSource:
    """What `create` made. written, extended: paths relative to the project folder.

    tables: staging tables with the number of rows the sample had; next_steps: what to edit.
    """

    agency: str
    file: str
    tables: dict[str, int]
    models: tuple[str, ...]
    written: tuple[Path, ...]
    extended: tuple[Path, ...]
    next_steps: tuple[NextStep, ...]


def create(
    settings: Settings,
    agency: str,
    file: str,
    sample: Path,
    *,
    layout: Path | None = None,
    root: Path | None = None,
) -> NewSource:
    """Write everything a source needs into the project at `root` (settings.root by default).

    sample: a delimited file with a header, or with `layout` (a CSV of name, start and end, or
    start0 and end0_exclusive, and record where there are several) a fixed-width one.
    All or nothing: raises UsageError, with nothing written, when a file of this source is there
    already, when the sample cannot be read, or when landing would refuse it.
    """
    from orchestration.new_source.columns import guess_table
    from orchestration.new_source.contract_text import render_contract
    from orchestration.new_source.sample import read_sample

    project = Path(root or settings.root)
    for what, name in (("agency", agency), ("file", file)):
        if not NAME.fullmatch(name) or len(name) > 40:
            raise UsageError(
                f"The {what} {name!r} must be lower snake case of at most 40 characters, such as "
                "school_meals."
            )
    if agency in ("core", "linkage"):
        raise UsageError(f"{agency} is the system's own name; give the agency another.")
    expected = [
        Path("expectations") / agency / f"{file}.yml",
        Path("models/staging") / agency / f"stg_{agency}__{file}.sql",
        Path("tests/fixtures") / agency / sample.name,
    ]
    _refuse_existing(project, expected)
    read = read_sample(sample, layout)
    several = len(read.tables) > 1
    guesses = [
        guess_table(f"{file}_{table.record_type.lower()}" if several else file, table)
        if table.record_type
        else guess_table(file, table)
        for table in read.tables
    ]
    sources = project / "models/staging" / agency / f"_{agency}__sources.yml"
    text = render_contract(
        agency, file, read, guesses, owner=_owner(sources, agency), today=datetime.date.today()
    )
    with tempfile.TemporaryDirectory(prefix="lifecourse-new-source-") as folder:
        aside = Path(folder)
        draft = aside / "expectations" / agency / f"{file}.yml"
        draft.parent.mkdir(parents=True)
        draft.write_text(text, encoding="utf-8")
        contract = load_contract(draft)
        _check_against_others(project, contract)
        new, extended = _files(project, contract, text, sample.name, read.line_width)
        _refuse_existing(project, list(new))
        fixture = aside / sample.name
        fixture.write_text(new[expected[2]], encoding=contract.encoding)
        for tried, what in ((sample, "sample"), (fixture, "fixture made from it")):
            _prove(contract, tried, what)
    # A fixture is written in the contract's encoding, which its made-up text needs nothing of.
    _move_in(project, {**new, **extended})
    return NewSource(
        agency=agency,
        file=file,
        tables={guess.name: guess.rows for guess in guesses},
        models=tuple(f"stg_{agency}__{guess.name}" for guess in guesses),
        written=tuple(new),
        extended=tuple(extended),
        next_steps=_next_steps(new, contract),
    )


def describe(made: NewSource) -> str:
    """What was made and what to edit next, as lines for a terminal: file:line,line: what."""
    lines = [f"{table}: {rows:,} rows in the sample" for table, rows in made.tables.items()]
    lines += [f"wrote    {path.as_posix()}" for path in made.written]
    lines += [f"extended {path.as_posix()}" for path in made.extended]
    lines.append("confirm, then delete the comment:")
    places: dict[tuple[Path, str], list[int]] = {}
    for step in made.next_steps:
        places.setdefault((step.path, step.what), []).append(step.line)
    lines += [
        f"  {path.as_posix()}:{','.join(map(str, numbers))}: {what}"
        for (path, what), numbers in places.items()
    ]
    models = " ".join(f"+{model}" for model in made.models)
    lines += [
        "then try it:",
        f"  lifecourse run --deliveries DELIVERIES --agency {made.agency}",
        f"  lifecourse dbt build --select {models}",
    ]
    return "\n".join(lines)


# --- what is written


def _files(
    project: Path, contract: Contract, text: str, fixture: str, line_width: int
) -> tuple[dict[Path, str], dict[Path, str]]:
    """New files and extended ones, by path relative to the project."""
    from orchestration.new_source import derive, fixtures

    agency = contract.agency
    folder = Path("models/staging") / agency
    new = {Path("expectations") / agency / f"{contract.file}.yml": text}
    extended: dict[Path, str] = {}
    for table in contract.tables:
        model = derive.model_name(contract, table)
        new[folder / f"{model}.sql"] = derive.render_model_sql(contract, table)

    sources = folder / f"_{agency}__sources.yml"
    if (project / sources).exists():
        before = (project / sources).read_text(encoding="utf-8")
        after = (
            before.rstrip("\n")
            + "\n"
            + "".join(derive.render_source_table(contract, table) for table in contract.tables)
        )
        _check_sources(sources, before, after, contract)
        extended[sources] = after
    else:
        new[sources] = derive.render_sources(contract)

    has_group = _configured_group(project, agency)
    models = folder / f"_{agency}__models.yml"
    entries = [
        derive.render_model_yaml(contract, table, None if has_group else agency)
        for table in contract.tables
    ]
    tests = [fixtures.unit_test(contract, table) for table in contract.tables]
    if (project / models).exists():
        before = (project / models).read_text(encoding="utf-8")
        after = _with_models(models, before, entries, tests)
        extended[models] = after
    else:
        groups = ""
        if not has_group and not _declares_group(project, agency):
            groups = (
                f"groups:\n  - name: {agency}\n    owner: {{name: {_scalar(contract.steward)}}}\n\n"
            )
        new[models] = (
            f"version: 2\n\n{groups}models:\n"
            + "\n".join(entries)
            + "\nunit_tests:\n"
            + "\n".join(tests)
        )
    new[Path("tests/fixtures") / agency / fixture] = fixtures.fixture_text(
        contract, line_width=line_width, delimiter=contract.delimiter
    )
    # dbt takes every CSV below tests/fixtures for a fixture of its own, and two of one name for an
    # error; these are deliveries.
    ignored = project / ".dbtignore"
    lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
    if not {"tests/fixtures/", f"tests/fixtures/{agency}/"} & {line.strip() for line in lines}:
        text = "\n".join([*lines, f"tests/fixtures/{agency}/"]) + "\n"
        (extended if ignored.exists() else new)[Path(".dbtignore")] = text
    return new, extended


def _scalar(text: str) -> str:
    from orchestration.new_source.text import flow

    return flow(text)


def _configured_group(project: Path, agency: str) -> bool:
    """Whether dbt_project.yml gives the agency's staging folder its group."""
    config = _yaml(project / "dbt_project.yml")
    models = config.get("models") or {}
    staging = (models.get(config.get("name")) or {}).get("staging") or {}
    return bool((staging.get(agency) or {}).get("+group"))


def _declares_group(project: Path, agency: str) -> bool:
    return any(
        re.search(rf"^\s*- (name: |\{{name: ){agency}\b", part, re.MULTILINE)
        for path in (project / "models").rglob("*.yml")
        for part in re.findall(r"(?ms)^groups:\n(.*?)(?=^\w|\Z)", path.read_text(encoding="utf-8"))
    )


def _owner(sources: Path, agency: str) -> str | None:
    if not sources.exists():
        return None
    for source in _yaml(sources).get("sources") or []:
        if source.get("name") == agency:
            return ((source.get("config") or {}).get("meta") or {}).get("owner")
    return None


def _yaml(path: Path) -> dict:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name} cannot be read as YAML; mend it.") from error
    return found if isinstance(found, dict) else {}


def _check_sources(path: Path, before: str, after: str, contract: Contract) -> None:
    """The file must say what it said before, and the new tables, and nothing else."""
    import yaml

    old, new = yaml.safe_load(before), None
    try:
        new = yaml.safe_load(after)
        added = [
            s["tables"][len(o["tables"]) :]
            for o, s in zip(old["sources"], new["sources"], strict=True)
        ]
        for source, tables in zip(new["sources"], added, strict=True):
            del source["tables"][len(source["tables"]) - len(tables) :]
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        added = []
    names = [table["name"] for tables in added for table in tables]
    if old != new or names != [t.name for t in contract.tables]:
        raise UsageError(
            f"{path.as_posix()} does not end with the tables of one source, so nothing can be "
            "added to it; put `tables:` last."
        )


def _with_models(path: Path, before: str, entries: Sequence[str], tests: Sequence[str]) -> str:
    """The models below the others, the unit tests below theirs; all else as it was."""
    import yaml

    text = before.rstrip("\n") + "\n"
    parts = re.split(r"(?m)^(?=unit_tests:)", text, maxsplit=1)
    models = parts[0].rstrip("\n") + "\n\n" + "\n".join(entries)
    units = (parts[1].rstrip("\n") if len(parts) > 1 else "unit_tests:") + "\n"
    after = models + "\n" + units + ("\n" if len(parts) > 1 else "") + "\n".join(tests)
    old = yaml.safe_load(before)
    try:
        new = yaml.safe_load(after)
        del new["models"][len(new["models"]) - len(entries) :]
        left = new["unit_tests"][: len(new["unit_tests"]) - len(tests)]
        new["unit_tests"] = left
    except (yaml.YAMLError, KeyError, TypeError):
        new = None
    if new != {**old, "unit_tests": old.get("unit_tests", [])}:
        raise UsageError(
            f"{path.as_posix()} is not `models:` followed by `unit_tests:`, so nothing can be "
            "added to it; put them in that order."
        )
    return after


# --- proofs before anything is moved


def _refuse_existing(project: Path, paths: Sequence[Path]) -> None:
    there = next((path for path in paths if (project / path).exists()), None)
    if there is not None:
        raise UsageError(
            f"{there.as_posix()} is there already; delete it, or choose another name for the file."
        )


def _check_against_others(project: Path, contract: Contract) -> None:
    from orchestration.quality import suites

    folder = project / "expectations"
    mine = {table.name for table in contract.tables}
    for other in load_contracts(folder) if folder.is_dir() else ():
        if other.agency != contract.agency:
            continue
        twice = mine & {table.name for table in other.tables}
        if twice:
            raise UsageError(
                f"expectations/{other.agency}/{other.file}.yml makes the table {min(twice)} "
                "already; choose another name for the file."
            )
    suites.rules(contract)


def _prove(contract: Contract, path: Path, what: str) -> None:
    """Read the whole file as landing would. Raises UsageError with landing's own clause."""
    from orchestration.landing.readers import BadInput, Source, copy_blocks

    for table in contract.tables:
        try:
            _, blocks = copy_blocks(Source(path, contract.encoding), contract, table)
            for _ in blocks:
                pass
        except BadInput as error:
            raise UsageError(
                f"Landing would refuse the {what}, {path.name}: {error}. Nothing was written."
            ) from error


# --- moving in


def _move_in(project: Path, files: Mapping[Path, str]) -> None:
    """Write beside the places, then rename; when anything fails, all is as it was."""
    staged: list[tuple[Path, Path]] = []
    done: list[tuple[Path, bytes | None]] = []
    made: list[Path] = []
    try:
        for path, text in files.items():
            target = project / path
            for folder in reversed([p for p in target.parents if not p.exists()]):
                folder.mkdir()
                made.append(folder)
            beside = target.with_name(f".{target.name}.new")
            staged.append((beside, target))
            beside.write_text(text, encoding="utf-8", newline="")
        for beside, target in staged:
            before = target.read_bytes() if target.exists() else None
            done.append((target, before))
            beside.replace(target)
    except BaseException as error:
        for target, before in reversed(done):
            if before is None:
                target.unlink(missing_ok=True)
            else:
                target.write_bytes(before)
        for beside, _ in staged:
            with contextlib.suppress(OSError):
                beside.unlink()
        for folder in reversed(made):
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise LifecourseError(
                f"The new source could not be written ({error.strerror}); nothing was changed."
            ) from error
        raise


def _next_steps(files: Mapping[Path, str], contract: Contract) -> tuple[NextStep, ...]:
    steps = [
        NextStep(path, number, line.split("confirm:", 1)[1].strip())
        for path, text in files.items()
        if path.suffix in (".yml", ".sql")
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(r"(#|--) confirm:", line)
    ]
    if any(column.role == "identifier" for table in contract.tables for column in table.columns):
        steps.append(
            NextStep(
                Path("CONTRIBUTING.md"), 1, "the people in it: add them to models/identity/records"
            )
        )
    return tuple(steps)
