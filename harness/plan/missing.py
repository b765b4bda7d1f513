"""Whether the outcome of an analysis can be imputed as it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.language import Formula
from harness.language.nodes import Name
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan


def check_missing(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[Formula],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report everything that keeps an analysis' outcome from being imputed.

    Args:
        plan: names the arms.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    asked = analysis.missing
    if asked is None:
        return
    here = (*where, "missing")
    for part in ("weights", "offset", "contrasts", "at"):
        if getattr(analysis, part):
            report(here, f"is not available with {part}; leave one of the two out")
    if analysis.scales != ("raw",):
        report(here, "is not available with other scales; impute in an analysis of its own")
    for formula in formulas:
        if not isinstance(formula.response, Name):
            report(here, f"`{formula.text}`: what is imputed must stand left of `~` as it is; "
                   "derive a column for the call")  # fmt: skip
            break
    arms = plan.data.arm.levels
    if asked.delta_arm is not None:
        if asked.delta is None:
            report((*here, "delta_arm"), "has no effect: there is no delta")
        elif asked.delta_arm not in arms:
            report((*here, "delta_arm"), f"no arm `{asked.delta_arm}`; there are {', '.join(arms)}")
