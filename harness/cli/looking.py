"""``harness doctor`` and ``harness schema``: what is installed, and what a plan may say."""

from __future__ import annotations

import json

import typer

from harness.cli.options import AsJson
from harness.errors import EXIT_NOT_RUN, EXIT_OK


def schema() -> None:
    """Print the plan's JSON Schema, for editors to complete and check plans."""
    from harness.plan import plan_schema

    typer.echo(json.dumps(plan_schema(), indent=2, ensure_ascii=False))


def doctor(as_json: AsJson = False) -> None:
    """List what is installed and what is missing, with the command that installs it."""
    from harness.engines.r.installed import installed
    from harness.models.record import as_json as plain
    from harness.report.doctor import complete, python_side, render_installation

    parts = (*python_side(), *installed())
    if as_json:
        document = {"complete": complete(parts), "parts": plain(parts)}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        typer.echo(render_installation(parts))
    raise typer.Exit(EXIT_OK if complete(parts) else EXIT_NOT_RUN)
