"""What the numbers besides the fit are, in words: how means are weighted, what d is divided by."""

from __future__ import annotations

from collections.abc import Iterable

from harness.models.besides import Besides
from harness.models.record import Answer, Estimates
from harness.models.spec import ModelTask
from harness.report.figures import figure
from harness.report.observed import observed_lines

_WEIGHTS = {
    "equal": "all combinations alike",
    "proportional": "combinations by their frequencies",
    "outer": "combinations by the products of their margins' frequencies",
    "cells": "combinations by their frequencies within each mean",
    "flat": "all combinations with data alike",
}


_TOBIT = (
    "Tobit model by maximum likelihood (Tobin 1958), z tests on the observed information; rows "
    "below the limit"
)


def definitions(models: Iterable[tuple[ModelTask, Answer, Answer]]) -> tuple[str, ...]:
    """One line each for what the means, tests and effect sizes of a run's analyses are.

    Args:
        models: each model with the port's answer and the reference's.
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for task, python, r in models:
        said: list[tuple[str, str]] = []
        if task.spec.censored:
            said.append((_TOBIT, f"{_below(python, r)} in {task.key.place}"))
        besides = task.spec.besides or Besides(())
        if {"emmeans", "contrasts"} & set(besides.parts):
            names = " and ".join(column.column for column in besides.design)
            how = f"averaged over other factors, {_WEIGHTS[besides.weights]} ({besides.weights})"
            said.append((f"means of {names}: {how}; covariates at their mean", ""))
        if besides.compare:
            pairs = ", ".join(f"{first} - {second}" for first, second in besides.compare)
            said.append((f"planned contrasts between arms: {pairs}", ""))
        if besides.probe is not None:
            said.append((_probed(besides), ""))
        said += [(f"{one.term}: {one.sentence}", "") for one in besides.hypotheses]
        if "anova" in besides.parts:
            said.append(("anova(term): F tests of type III hypotheses", ""))
        if "effect_size" in besides.parts:
            said.append((besides.unit.formula, f"{_sd(python, r)} in {task.key.place}"))
        said += [(line, "") for line in observed_lines(besides)]
        for line, more in said:
            analyses, values = found.setdefault(line, ([], []))
            if task.key.analysis not in analyses:
                analyses.append(task.key.analysis)
            values += [more] if more else []
    return tuple(
        f"{', '.join(analyses)}: {line}" + (f": {', '.join(values)}" if values else "")
        for line, (analyses, values) in found.items()
    )


def _below(python: Answer, r: Answer) -> str:
    """How many rows of a Tobit model are censored, as the first side says that does."""
    for side in (python, r):
        if isinstance(side, Estimates) and side.problem is not None and side.problem.censored:
            return f"{side.problem.censored.total:g} of {side.n_obs}"
    return "unknown"


def _probed(besides: Besides) -> str:
    probe = besides.probe
    if probe is None:
        return ""
    line = (
        "slopes: the arm's effect at values of the moderator; mean and sd over patients "
        f"({probe.patient}), one value each; df are those of the effect at each value"
    )
    if "johnson_neyman" in besides.parts:
        line += (
            f"; jn(...): where its two-sided p crosses {probe.alpha:g}, and the shape of the "
            "region in which it is smaller (std_error: what moves t by one)"
        )
    return line


def _sd(python: Answer, r: Answer) -> str:
    """The standard deviation of each side, once where they are the same to six digits."""
    shown = []
    for side in (python, r):
        rows = side.effect_sizes if isinstance(side, Estimates) else None
        shown.append(figure(rows[0].sd) if rows else "none")
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} (python), {shown[1]} (r)"
