"""``harness gate``, ``harness run`` and ``harness record``: the commands that follow a plan."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import OutFolder, PlanFile, Quiet, ReferenceChoice
from harness.cli.progress import progress_bar
from harness.errors import EXIT_GATE, EXIT_NOT_RUN, GateRefused


def gate(plan: PlanFile, out: OutFolder = None, quiet: Quiet = False) -> None:
    """Run the data-quality gate alone: may these data be analysed?"""
    from harness.data.study import open_study
    from harness.gate.report import gate_markdown, write_gate
    from harness.pipeline import gate_study

    study = open_study(plan)
    report = gate_study(study)
    folder = out or default_folder(study.plan.study.id)
    write_gate(report, folder)
    if not quiet:
        typer.echo(gate_markdown(report))
    say_refusal(report.exit_code, folder)
    raise typer.Exit(report.exit_code)


def run(
    plan: PlanFile,
    out: OutFolder = None,
    reference: Annotated[
        ReferenceChoice | None,
        typer.Option("--reference", help="Fit in R, or replay records; default: as the plan says."),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="Engine in the table's python column.")
    ] = "port",
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Number of R processes.")] = 1,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="GLOB", help="Only models whose analysis/set/outcome fits."),
    ] = None,
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

    with progress_bar(quiet=quiet) as progress:
        result = run_plan(
            plan,
            reference=None if reference is None else reference.value,
            engine=engine,
            jobs=jobs,
            only=only,
            progress=progress,
        )
    folder = out or default_folder(result.study.plan.study.id)
    told = run_record(result, folder, f"harness run {shlex.quote(str(plan))}")
    write_run(told, folder)
    if not quiet:
        typer.echo(render_run(told, full=full))
        print(f"harness: written to {folder}/", file=sys.stderr)
    for fitted in result.fits:
        for refusal in fitted.refusals:
            print(f"harness: {fitted.task.key.slug}: {refusal.reason}", file=sys.stderr)
    say_refusal(result.gate.exit_code, folder)
    raise typer.Exit(result.exit_code)


def record(
    plan: PlanFile, jobs: Annotated[int, typer.Option("--jobs", min=1)] = 1, quiet: Quiet = False
) -> None:
    """Fit every model of a plan afresh in R and (re)write the study's recorded references."""
    from harness.recording import record as record_plan

    with progress_bar(quiet=quiet) as progress:
        written = record_plan(plan, jobs=jobs, progress=progress)
    if written.gate.exit_code:
        raise GateRefused(f"the gate refused the data, nothing was recorded: `harness gate {plan}`")
    if not quiet:
        typer.echo(f"{len(written.files)} recorded references in {plan.parent / 'reference'}/")
    for line in written.unclean:
        print(f"harness: reference not clean: {line}", file=sys.stderr)
    for line in written.refusals:
        print(f"harness: {line}", file=sys.stderr)
    raise typer.Exit(written.exit_code)


def default_folder(study: str) -> Path:
    """Where a run of a study writes unless told otherwise."""
    return Path("out") / study


def say_refusal(exit_code: int, folder: Path) -> None:
    """One line on stderr when the gate did not let the data pass."""
    if exit_code == EXIT_GATE:
        why = "the gate refused the data, nothing was fitted"
        print(
            f"harness: {why}: see {folder / 'gate.md'}, {folder / 'queries.csv'}", file=sys.stderr
        )
    elif exit_code == EXIT_NOT_RUN:
        why = "a gate rule could not be checked, nothing was fitted"
        print(f"harness: {why}: see {folder / 'gate.md'}", file=sys.stderr)
