"""Planned contrasts between arms: which are compared, the first of a pair less the second."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.language import Formula, names_in
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan

IN_MODEL = ("contrasts", "effect_size")
"""Parts of a report that compare arms in the model; a probe does, too."""
OBSERVED = ("d_ppc2", "hedges_g", "responders")
"""Parts that compare the observed values of arms, whatever the model has."""


def check_arms(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[Formula],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report every pair of arms that cannot be compared, and pairs nobody asked to compare.

    Args:
        plan: names the arms.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    if analysis.arms is None:
        return
    here = (*where, "arms")
    known = plan.data.arm.levels
    seen: dict[frozenset[str], int] = {}
    for place, pair in enumerate(analysis.arms):
        for side, arm in enumerate(pair):
            if arm not in known:
                report((*here, place, side), f"no arm `{arm}`; there are {', '.join(known)}")
        if pair[0] == pair[1]:
            report((*here, place), f"compares `{pair[0]}` with itself")
        elif frozenset(pair) in seen:
            first = seen[frozenset(pair)] + 1
            report((*here, place), f"`{pair[0]}` and `{pair[1]}` are compared by pair {first}")
        seen.setdefault(frozenset(pair), place)
    asked = [part for part in (*IN_MODEL, *OBSERVED) if part in analysis.report]
    if not asked and analysis.probe is None:
        known_parts = ", ".join((*IN_MODEL, *OBSERVED))
        report(here, f"has no effect: report none of {known_parts}, and no probe")
        return
    if analysis.probe is None and not set(asked) & set(IN_MODEL):
        return
    column = plan.data.arm.column
    for formula in formulas:
        if not any(column in names_in(node) for term in formula.terms for node in term.factors):
            report(here, f"`{column}` is not among the fixed effects of `{formula.text}`")
            return
