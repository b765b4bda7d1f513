"""``harness gate``, ``harness run`` and ``harness record``: the commands that follow a plan."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from harness.cli.messages import say, say_refusal, writable
from harness.cli.options import Jobs, OutFolder, PlanFile, Quiet, ReferenceChoice
from harness.cli.progress import progress_bar
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.engines.reference import ReferenceMode
    from harness.gate.verdict import GateReport


OUT = Path("out")


def gate(plan: PlanFile, out: OutFolder = None, quiet: Quiet = False) -> None:
    """Run the data-quality gate alone: may these data be analysed?"""
    from harness.data.study import open_study
    from harness.gate.report import gate_markdown, write_gate
    from harness.pipeline import gate_study
    from harness.report.run_files import forget_run

    writable(out or OUT)
    study = open_study(plan)
    report = gate_study(study)
    folder = out or default_folder(study.plan.study.id)
    forgotten = bool(report.exit_code) and forget_run(folder)
    write_gate(report, folder)
    if not quiet:
        typer.echo(gate_markdown(report))
    say_fate(report, folder)
    if forgotten:
        say(f"the diff table of an earlier run was removed from {folder}/")
    raise typer.Exit(report.exit_code)


def run(
    plan: PlanFile,
    out: OutFolder = None,
    reference: Annotated[
        ReferenceChoice | None,
        typer.Option(
            "--reference",
            help="live: what R answers, or this very R has answered to the same model on the same "
            "data; recorded: the study's records, no R; auto: live where R starts, else recorded. "
            "Default: as the plan says.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="Engine in the table's python column.")
    ] = "port",
    jobs: Jobs = 1,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="GLOB", help="Only models whose analysis/set/outcome fits."),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Fit every model in R now, answered before or not.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Print every row of the diff table.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Gate, fits, comparison, report: every number of the plan, in Python and in R."""
    from harness.pipeline import run as run_plan
    from harness.provenance import run_record
    from harness.report.run_files import write_run
    from harness.report.terminal import render_run

    writable(out or OUT)
    mode: ReferenceMode | None = None if reference is None else reference.value
    with progress_bar(quiet=quiet) as progress:
        result = run_plan(
            plan,
            reference=mode,
            engine=engine,
            jobs=jobs,
            only=only,
            progress=progress,
            cached=not no_cache,
        )
    folder = out or default_folder(result.study.plan.study.id)
    command = ["harness", "run", str(plan)]
    command += [] if mode is None else ["--reference", mode]
    command += [] if engine == "port" else ["--engine", engine]
    command += ["--no-cache"] if no_cache else []
    told = run_record(result, folder, shlex.join(command))
    write_run(told, folder, jobs)
    if not quiet:
        typer.echo(render_run(told, full=full), color=True)  # what is coloured is decided there
        say(f"written to {folder}/")
    warnings = tuple(f"warning: {line}" for line in result.warnings)
    for line in (*warnings, *result.tally.notes, *again(result.tally.retried)):
        say(line)
    for fitted in result.fits:
        for refusal in fitted.refusals:
            say(f"{fitted.task.key.slug}: {refusal.reason}")
    say_fate(result.gate, folder)
    raise typer.Exit(result.exit_code)


def record(
    plan: PlanFile,
    jobs: Jobs = 1,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if R no longer says the same.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="GLOB",
            help="With --check: only models whose analysis/set/outcome fits.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fit every model of a plan afresh in R and (re)write the study's recorded references."""
    if check:
        check_records(plan, jobs=jobs, only=only, quiet=quiet)
    if only is not None:
        raise HarnessError("--only goes with --check: records are written of the whole plan")
    from harness.recording import record as record_plan

    with progress_bar(quiet=quiet) as progress:
        written = record_plan(plan, jobs=jobs, progress=progress)
    refused = written.gate.exit_code
    say_refusal(refused, in_the_way(written.gate), "recorded", f"`harness gate {plan}`")
    if not (quiet or refused):
        typer.echo(f"{len(written.files)} recorded references in {plan.parent / 'reference'}/")
    for line in again(written.retried):
        say(line)
    for line in written.unclean:
        say(f"reference not clean: {line}")
    for line in written.refusals:
        say(line)
    raise typer.Exit(written.exit_code)


def check_records(plan: Path, *, jobs: int, only: str | None, quiet: bool) -> NoReturn:
    """Hold the recorded references to what R says today, and leave with the exit code."""
    from harness.record_check import check

    with progress_bar(quiet=quiet) as progress:
        found = check(plan, jobs=jobs, only=only, progress=progress)
    say_refusal(found.gate.exit_code, in_the_way(found.gate), "checked", f"`harness gate {plan}`")
    if not (quiet or found.gate.exit_code):
        how = "bit by bit" if found.same_versions else "by the policy: another R, package or BLAS"
        folder = plan.parent / "reference"
        typer.echo(f"{found.agree} recorded references in {folder}/ are what R says, {how}")
    for line in (*found.differences, *found.refusals):
        say(line)
    raise typer.Exit(found.exit_code)


def default_folder(study: str) -> Path:
    """Where a run of a study writes unless told otherwise."""
    return OUT / study


def again(retried: tuple[str, ...]) -> tuple[str, ...]:
    """What is said of each model that R died of once and answered then."""
    return tuple(f"answered at the second attempt: {line}" for line in retried)


def say_fate(gate: GateReport, folder: Path) -> None:
    """Say which rules kept the data from being fitted, and which files tell more."""
    files = ("gate.md", "queries.csv") if gate.verdict == "fail" else ("gate.md",)
    see = ", ".join(str(folder / name) for name in files)
    say_refusal(gate.exit_code, in_the_way(gate), "fitted", see)


def in_the_way(report: GateReport) -> tuple[str, ...]:
    """Ids of the rules that gave the gate its exit code."""
    return tuple(rule.rule for rule in report.rules if rule.exit_code == report.exit_code)
