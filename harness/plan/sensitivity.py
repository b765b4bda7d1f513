"""Whether an analysis can be repeated: with robust errors, on other scales, without patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.language import Formula, Name, names_in
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan

Report = Callable[[Path_, str], None]


def check_sensitivity(
    plan: Plan, analysis: Analysis, formulas: Sequence[Formula], where: Path_, report: Report
) -> None:
    """Report everything that keeps an analysis' sensitivity from being computed.

    Args:
        plan: names the column of arms.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    _check_robust(analysis, formulas, (*where, "robust"), report)
    _check_scales(analysis, formulas, where, report)
    arm = plan.data.arm.column
    if analysis.leave_one_out and not all(arm in _fixed(formula) for formula in formulas):
        report((*where, "leave_one_out"), f"needs `{arm}` among the fixed effects")


def _check_robust(
    analysis: Analysis, formulas: Sequence[Formula], where: Path_, report: Report
) -> None:
    if analysis.robust is None or not any(formula.random for formula in formulas):
        return
    if analysis.robust == "HC3":
        report(where, "HC3 is for linear models; a mixed model has CR2, by patient")
        return
    formula = formulas[0]
    for what, given in (
        ("prior weights", analysis.weights), ("an offset", analysis.offset or formula.offsets),
    ):  # fmt: skip
        if given:
            report(where, f"CR2 is not available for a mixed model with {what}: R has none")


def _check_scales(
    analysis: Analysis, formulas: Sequence[Formula], where: Path_, report: Report
) -> None:
    here = (*where, "scales")
    if analysis.winsor is not None and "winsor" not in analysis.scales:
        report((*where, "winsor"), "has no effect: scales has no winsor")
    if analysis.scales == ("raw",):
        return
    for formula in formulas:
        if not isinstance(formula.response, Name):
            report(here, "left of `~` must stand `{outcome}` alone: it has a scale already")
            return
        if formula.response.name in _fixed(formula):
            report(here, f"`{formula.response.name}` is right of `~`, too, on its own scale")
            return
    if "responders" in analysis.report:
        report(here, "responders are counted on the outcome's own scale; give them an analysis")
    unit = analysis.effect_size
    if unit is not None and unit.sd in ("given", "baseline"):
        report(here, f"effect_size has sd: {unit.sd}, which is on the outcome's own scale")


def _fixed(formula: Formula) -> set[str]:
    """The columns of the fixed effects."""
    nodes = (node for term in formula.terms for node in term.factors)
    return {name for node in nodes for name in names_in(node)}
