"""What an analysis asks besides its fit: whether means, tests of terms and effect sizes exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.language import Formula, names_in
from harness.language.nodes import is_syntactic
from harness.plan.arms import check_arms
from harness.plan.document import Path_
from harness.plan.observed import check_observed
from harness.plan.placed import column_names
from harness.plan.schema import Analysis, Plan

OF_MEANS = ("emmeans", "contrasts", "effect_size")
"""Parts of a report that are made of marginal means."""


def baseline_column(analysis: Analysis, outcome: str) -> str:
    """The column of baseline values that the effect sizes of an outcome are counted by."""
    given = analysis.effect_size.column if analysis.effect_size is not None else None
    placed = (given or "").replace("{baseline}", column_names(outcome)["baseline"])
    return placed.replace("{outcome}", outcome)


def names_outcome(column: str) -> bool:
    """Whether a template of columns has one for each outcome."""
    return "{outcome}" in column or "{baseline}" in column


def check_besides(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[Formula],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report everything that keeps an analysis' parts beside the fit from being computed.

    Args:
        plan: names the columns of arms and times.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    asked = {part: place for place, part in enumerate(analysis.report)}
    for part in OF_MEANS:
        if part in asked:
            for text in _no_means(plan, formulas, part):
                report((*where, "report", asked[part]), text)
    if "anova" in asked:
        for text in _no_tests(formulas):
            report((*where, "report", asked["anova"]), text)
    odd = [name for formula in formulas for name in formula.columns if not is_syntactic(name)]
    odd += [name for name in (analysis.weights, analysis.offset) if name and not is_syntactic(name)]
    for part in ("anova", *OF_MEANS):
        if odd and part in asked:
            report(
                (*where, "report", asked[part]),
                f"R cannot be asked for it with a column `{odd[0]}`, a name that needs back-ticks; "
                "derive a column with another name",
            )
            break
    if analysis.means is not None and not any(part in asked for part in OF_MEANS):
        report((*where, "means"), f"has no effect: report none of {', '.join(OF_MEANS)}")
    _check_unit(analysis, "effect_size" in asked, (*where, "effect_size"), report)
    check_arms(plan, analysis, formulas, where, report)
    check_observed(plan, analysis, formulas, where, report)


def _no_means(plan: Plan, formulas: Sequence[Formula], part: str) -> Iterator[str]:
    arm, time = plan.data.arm.column, plan.data.time.column
    for formula in formulas:
        fixed = {n for term in formula.terms for node in term.factors for n in names_in(node)}
        if not fixed & {arm, time}:
            yield (
                f"{part} needs `{arm}` or `{time}` among the fixed effects; "
                f"`{formula.text}` has neither"
            )
            return


def _no_tests(formulas: Sequence[Formula]) -> Iterator[str]:
    for formula in formulas:
        if not formula.terms:
            yield f"anova needs a term to test; `{formula.text}` has none"
            return
        if not formula.intercept:
            yield "anova is of type III, which needs an intercept; leave out `0 +` or `- 1`"
            return


def _check_unit(
    analysis: Analysis, asked: bool, where: Path_, report: Callable[[Path_, str], None]
) -> None:
    unit = analysis.effect_size
    if unit is None:
        return
    if not asked:
        report(where, "has no effect: report has no effect_size")
    for key, kind in (("value", "given"), ("column", "baseline")):
        present = getattr(unit, key) is not None
        if unit.sd == kind and not present:
            report((*where, "sd"), f"{kind} needs `{key}`")
        if unit.sd != kind and present:
            report((*where, key), f"is for sd: {kind}, not {unit.sd}; leave it out")
    several = len(analysis.outcomes) > 1
    if unit.sd == "given" and unit.value is not None and several:
        report((*where, "value"), "is one number for several outcomes; give each its analysis")
    if unit.sd == "baseline" and unit.column and several and not names_outcome(unit.column):
        report((*where, "column"), "is one column for several outcomes; write `{outcome}` in it")
