"""``harness doctor`` and ``harness schema``: what is installed, and what a plan may say."""

from __future__ import annotations

import json

import typer

from harness.cli.options import AsJson


def schema() -> None:
    """Print the plan's JSON Schema, for editors to complete and check plans."""
    from harness.plan import plan_schema

    typer.echo(json.dumps(plan_schema(), indent=2, ensure_ascii=False))


def doctor(as_json: AsJson = False) -> None:
    """List what is installed and what is missing, with the command that installs it."""
    from harness.engines.r.installed import inspect_installation
    from harness.models.record import as_json as plain

    found = inspect_installation()
    if as_json:
        typer.echo(json.dumps(plain(found), indent=2, ensure_ascii=False))
    else:
        from harness.report.doctor import render_installation

        typer.echo(render_installation(found))
    raise typer.Exit(0 if found.complete else 4)
