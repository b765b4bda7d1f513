"""``harness compare``: the diff table of two estimate files, whoever made them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, Quiet


def compare(
    left: Annotated[Path, typer.Argument(metavar="LEFT.json", help="Estimates under test.")],
    right: Annotated[Path, typer.Argument(metavar="RIGHT.json", help="Reference estimates.")],
    as_json: AsJson = False,
    full: Annotated[bool, typer.Option("--full", help="Every row, not only the red ones.")] = False,
    quiet: Quiet = False,
) -> None:
    """Set two estimate files side by side, number by number; exit 1 when something differs."""
    from harness.compare.files import compare_files

    table = compare_files(left, right)
    if as_json:
        from harness.report.files import diff_json

        typer.echo(diff_json(table))
    elif not quiet:
        from harness.report.terminal import render_diff

        typer.echo(render_diff(table, full=full))
    raise typer.Exit(table.exit_code)
