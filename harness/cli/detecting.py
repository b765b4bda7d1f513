"""``harness power``: what could the models of a plan find?"""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.messages import say, say_refusal
from harness.cli.options import AsJson, PlanFile, Quiet
from harness.cli.progress import progress_bar


def power(
    plan: PlanFile,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="GLOB", help="Only models whose analysis/set/outcome fits."),
    ] = None,
    term: Annotated[
        str | None,
        typer.Option(
            "--term", metavar="NAME", help="A coefficient; default: those of the highest order."
        ),
    ] = None,
    effect: Annotated[
        float | None,
        typer.Option("--effect", metavar="X", help="Give the power for this true value too."),
    ] = None,
    wanted: Annotated[
        float, typer.Option("--power", metavar="P", help="Power of the effect that is sought.")
    ] = 0.8,
    alpha: Annotated[float, typer.Option("--alpha", help="Two-sided level of the tests.")] = 0.05,
    sims: Annotated[int, typer.Option("--sims", min=1, help="Simulated trials.")] = 2_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Simulate each model of a plan: how large must an effect be to be found?"""
    from harness.cli.running import in_the_way
    from harness.planned_power import planned_power
    from harness.report.power import power_json, render_power

    with progress_bar(quiet=quiet or as_json) as progress:
        found = planned_power(
            plan,
            only=only,
            term=term,
            effect=effect,
            power=wanted,
            alpha=alpha,
            n_sim=sims,
            seed=seed,
            progress=progress,
        )
    say_refusal(found.gate.exit_code, in_the_way(found.gate), "simulated", f"`harness gate {plan}`")
    if not (quiet or found.gate.exit_code):
        typer.echo(power_json(found.report) if as_json else render_power(found.report))
    for line in found.report.refusals:
        say(line)
    raise typer.Exit(found.exit_code)
