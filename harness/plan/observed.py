"""Changes within arms, effect sizes of observed values, responders: what an analysis may ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.language import Formula, names_in
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan


def check_observed(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[Formula],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report what keeps these parts from being computed, or from being read rightly.

    Args:
        plan: names the columns of arms and times.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    asked = {part: (*where, "report", place) for place, part in enumerate(analysis.report)}
    arm, time = plan.data.arm.column, plan.data.time.column
    if "changes" in asked:
        if "contrasts" not in asked:
            report(
                asked["changes"],
                "an arm's own change is no evidence of an effect: report contrasts, too, so that "
                "the difference between arms stands beside it",
            )
        for formula in formulas:
            terms = [{n for node in term.factors for n in names_in(node)} for term in formula.terms]
            if not any({arm, time} <= columns for columns in terms):
                report(
                    asked["changes"],
                    f"no term of `{formula.text}` has both `{arm}` and `{time}`: there is no "
                    "difference between arms to show an arm's own change beside",
                )
                break
    if "d_ppc2" in asked:
        for formula in formulas:
            if not any(time in names_in(n) for term in formula.terms for n in term.factors):
                report(
                    asked["d_ppc2"],
                    f"d_ppc2 is of changes since {plan.data.time.levels[0]} in the rows a model "
                    f"uses; `{formula.text}` has no `{time}`",
                )
                break
    if analysis.responder is not None and "responders" not in asked:
        report((*where, "responder"), "has no effect: report has no responders")
