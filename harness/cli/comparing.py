"""``harness compare``: the diff table of two estimate files, whoever made them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, Quiet


def compare(
    left: Annotated[
        Path, typer.Argument(metavar="LEFT", help="Estimates under test, .json or .csv.")
    ],
    right: Annotated[
        Path, typer.Argument(metavar="RIGHT", help="Reference estimates, .json or .csv.")
    ],
    as_json: AsJson = False,
    full: Annotated[bool, typer.Option("--full", help="Every row, not only the red ones.")] = False,
    quiet: Quiet = False,
) -> None:
    """Set two estimate files side by side, number by number; exit 1 when something differs.

    JSON is what `harness fit --json` prints or a run's estimates.json; CSV is broom's tidy(),
    a diff.csv, or a table with a column `term` and columns of numbers.
    """
    from harness.compare.files import compare_files

    table = compare_files(left, right)
    if as_json:
        from harness.report.comparison import comparison_json

        typer.echo(comparison_json(table))
    elif not quiet:
        from harness.report.comparison import summary_text
        from harness.report.terminal import render_diff

        typer.echo(render_diff(table, full=full), color=True)  # what is coloured is decided there
        typer.echo()
        typer.echo(summary_text(table, str(left), str(right)))
    raise typer.Exit(table.exit_code)
