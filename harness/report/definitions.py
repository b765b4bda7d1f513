"""What the numbers besides the fit are, in words: how means are weighted, what d is divided by."""

from __future__ import annotations

from collections.abc import Iterable

from harness.models.besides import Besides, Probe
from harness.models.imputation import Imputation
from harness.models.mean_terms import left_out_term
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

_ROBUST = {
    "HC3": "HC3(coefficient): the test with errors that let every row have a variance of its own "
    "(MacKinnon and White 1985), on the model's degrees of freedom",
    "CR2": "CR2(coefficient): the test with errors that let rows of one {} vary together as they "
    "like, with degrees of freedom of their own (Bell and McCaffrey 2002; Pustejovsky and Tipton "
    "2018)",
}

_LEFT_OUT = (
    "leave-one-out(coefficient): smallest and largest estimate and p of the analysis without each "
    "{} in turn (notes say which), and the jackknife's standard error; named here is without whom "
    "p is on the other side of 0.05, where there is one"
)


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
        if task.scaled is not None:
            said.append((task.scaled.words, ""))
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
        if besides.robust is not None:
            said.append((_ROBUST[besides.robust.kind].format(besides.robust.cluster), ""))
        if besides.leave_one_out is not None:
            said.append((_LEFT_OUT.format(besides.leave_one_out.patient), _turned(task, python)))
        if besides.imputation is not None:
            said.append((_imputed(besides.imputation), ""))
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


def _turned(task: ModelTask, answer: Answer) -> str:
    """Without whom a model's p values are on the other side of 0.05; empty for nobody."""
    if not isinstance(answer, Estimates):
        return ""
    ends = {row.term: row for row in answer.leave_one_out or ()}
    found = []
    for whole in answer.fixed:
        # What is significant may become what is not, and the reverse.
        end = "highest" if whole.p_value < 0.05 else "lowest"
        row = ends.get(left_out_term(whole.term, end))
        if row is not None and (whole.p_value < 0.05) != (row.p_value < 0.05) and row.p_without:
            was, now = figure(whole.p_value), figure(row.p_value)
            found.append(f"{row.p_without} ({whole.term}: p {now}, with everybody {was})")
    return f"{'; '.join(found)} in {task.key.place}" if found else ""


def _imputed(asked: Imputation) -> str:
    by = "by arm" if asked.by_arm else "with the arm as a predictor"
    line = (
        f"mi(term): missing outcomes drawn {asked.imputations} times, at random, {by}, by each "
        f"side with its own generator (seed {asked.seed}), pooled by Rubin's rules with Barnard "
        "and Rubin's df; compared in Monte-Carlo errors"
    )
    if asked.delta is not None:
        line += f"; mi(term{asked.labels['delta']}): what was drawn is shifted by so much"
    if asked.jump:
        line += (
            f"; mi(term{asked.labels['jump']}): patients of other arms who were lost go on as the "
            "reference arm (Carpenter, Roger & Kenward 2013)"
        )
    return line


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
            f"; jn(...): where its two-sided p crosses {_level(probe)}, and the shape of the "
            "region in which it is smaller (std_error: what moves t by one; extrapolated: beyond "
            "the values observed)"
        )
    return line


def _level(probe: Probe) -> str:
    """The region's level in words."""
    if not probe.controlled:
        return f"{probe.alpha:g}"
    return (
        f"{probe.alpha:g} times the share of the values observed at which it is a discovery by "
        "Benjamini & Hochberg (fdr; Esarey & Sumner 2018)"
    )


def _sd(python: Answer, r: Answer) -> str:
    """The standard deviation of each side, once where they are the same to six digits."""
    shown = []
    for side in (python, r):
        rows = side.effect_sizes if isinstance(side, Estimates) else None
        shown.append(figure(rows[0].sd) if rows else "none")
    return shown[0] if shown[0] == shown[1] else f"{shown[0]} (python), {shown[1]} (r)"
