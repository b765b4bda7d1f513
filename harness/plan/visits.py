"""Which visits an analysis uses, and whether its formula has a meaning there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.language import Formula, names_in
from harness.plan.besides import OF_MEANS
from harness.plan.document import Path_
from harness.plan.placed import arm_after_levels, used_placeholders
from harness.plan.schema import Analysis, Plan

OF_OBSERVED = ("d_ppc2", "hedges_g", "responders")
"""Parts of a report that are computed from the observed values of all visits."""


def visits_of(plan: Plan, analysis: Analysis) -> tuple[str, ...]:
    """The levels of time whose rows an analysis uses, in the plan's order."""
    levels = plan.data.time.levels
    return levels if analysis.at is None else tuple(v for v in levels if v in analysis.at)


def check_visits(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[Formula],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report visits that are none, and formulas that mean nothing at the visits named.

    Args:
        plan: names the columns and levels.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    levels, time = plan.data.time.levels, plan.data.time.column
    unknown = [level for level in analysis.at or () if level not in levels]
    for level in unknown:
        place = (analysis.at or ()).index(level)
        report(
            (*where, "at", place), f"`{level}` is no level of {time}; there are {', '.join(levels)}"
        )
    if unknown or not formulas:
        return
    visits = visits_of(plan, analysis)
    used = used_placeholders(analysis)
    here: Path_ = (*where, "formula" if analysis.at is None else "at")
    for placeholder, fact in (("baseline", "the outcome itself"), ("change", "zero")):
        if placeholder in used and levels[0] in visits:
            report(
                here,
                f"`{{{placeholder}}}` is {fact} at `{levels[0]}`: name the later visits that the "
                f"analysis uses, at: [{', '.join(levels[1:])}]",
            )
    if analysis.scales != ("raw",) and {"baseline", "change"} & used:
        report(
            (*where, "scales"),
            "`{baseline}` and `{change}` are of the outcome as it is; derive the other scale's own",
        )
    for place, part in enumerate(analysis.report):
        if part in OF_OBSERVED and levels[0] not in visits:
            report(
                (*where, "report", place),
                f"{part} is of the values observed since `{levels[0]}`, which `at` leaves out",
            )
    if len(visits) == 1:
        for formula in formulas[:1]:
            _check_single(plan, formula, visits[0], where, report)
    if "arm_after" in used:
        _check_arm_after(plan, analysis, formulas[0], here, where, report)


def _check_single(
    plan: Plan, formula: Formula, visit: str, where: Path_, report: Callable[[Path_, str], None]
) -> None:
    """With one visit nothing can depend on time, and there is one row a patient."""
    time, patient = plan.data.time.column, plan.data.id
    slopes = (term for random in formula.random for term in random.terms)
    terms = (*formula.terms, *slopes)
    if any(time in names_in(node) for term in terms for node in term.factors):
        report((*where, "formula"), f"`{time}` has one value at `{visit}`: leave it out")
    elif any(random.group == (patient,) for random in formula.random):
        report(
            (*where, "formula"),
            f"one row a `{patient}` at `{visit}`: its random effects are the residual; without "
            "them it is kind: ols",
        )


def _check_arm_after(
    plan: Plan,
    analysis: Analysis,
    formula: Formula,
    here: Path_,
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    arm, time = plan.data.arm.column, plan.data.time
    columns = {name for term in formula.terms for node in term.factors for name in names_in(node)}
    if arm in columns:
        report(
            (*where, "formula"),
            f"`{{arm_after}}` stands in place of `{arm}`: with both the arms differ at "
            f"`{time.levels[0]}`",
        )
    elif time.column not in columns:
        report((*where, "formula"), f"`{{arm_after}}` needs `{time.column}` beside it")
    if time.levels[0] not in visits_of(plan, analysis):
        report(here, f"`{{arm_after}}` is about `{time.levels[0]}`, which is left out")
    levels = arm_after_levels(plan)
    if len(set(levels)) < len(levels):
        report((*where, "formula"), "`{arm_after}` would name two of arm and visit alike")
    for place, part in enumerate(analysis.report):
        if part in OF_MEANS:
            report(
                (*where, "report", place),
                f"{part} needs `{arm}`; the coefficients of `{{arm_after}}` are the differences "
                "of the arms already",
            )
