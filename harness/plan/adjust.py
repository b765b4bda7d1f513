"""Whether an analysis' tests can be adjusted as it asks: the term they are of, and the families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from harness.errors import ModelError
from harness.language import Formula, names_in
from harness.language.formula import Term
from harness.plan.document import Path_
from harness.plan.schema import Adjust, Analysis, Plan

Report = Callable[[Path_, str], None]


def tested_terms(formula: Formula, arm: str, time: str, moderator: str) -> tuple[Term, ...]:
    """The fixed-effect terms an analysis is about: the highest that hold the arm.

    A term with arm, moderator and time comes before one without the moderator, that before one
    without the time, and among those alike the one of highest order. Several terms of the same
    columns (``arm:z`` and ``arm:I(z^2)``) are tested together.

    Args:
        formula: of one model.
        arm: column of the arms.
        time: column of the times.
        moderator: column; empty where there is none.

    Raises:
        ModelError: no term holds the arm, several that are alike are of different columns, or
            a term's coefficients are means of cells and not differences between arms.
    """
    columns = {term: frozenset(_columns(term)) for term in formula.terms}
    held = [term for term in formula.terms if arm in columns[term]]
    if not held:
        raise ModelError(f"no term of `{formula.text}` holds the arm, `{arm}`: nothing to adjust")

    def rank(term: Term) -> tuple[bool, bool, int]:
        return moderator in columns[term], time in columns[term], len(columns[term])

    highest = max(map(rank, held))
    found = tuple(term for term in held if rank(term) == highest)
    if len({columns[term] for term in found}) > 1:
        listed = " and ".join(f"`{term.label}`" for term in found)
        raise ModelError(f"{listed} of `{formula.text}` are alike: the analysis is about neither")
    for term in found:
        rest = frozenset(f for f in term.factors if arm not in names_in(f))
        margins = {frozenset(other.factors) for other in formula.terms}
        if rest not in margins and not (not rest and formula.intercept):
            raise ModelError(
                f"the coefficients of `{term.label}` in `{formula.text}` are no differences "
                f"between arms: add {'the intercept' if not rest else 'the term without the arm'}"
            )
    return found


def _columns(term: Term) -> list[str]:
    return [name for node in term.factors for name in names_in(node)]


def check_adjust(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[tuple[str, Formula]],
    where: Path_,
    report: Report,
) -> None:
    """Report everything that keeps an analysis' tests from being adjusted as it asks.

    Args:
        plan: names the columns of arms and times.
        analysis: the analysis.
        formulas: moderator and formula of its models; empty where they are wrong, which is
            reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    adjust = analysis.adjust
    if adjust is None:
        return
    here = (*where, "adjust")
    if adjust.tests == "anova" and "anova" not in analysis.report:
        report((*here, "tests"), "anova needs `anova` in the analysis' report")
    if adjust.family == "moderator" and not analysis.moderators:
        report((*here, "family"), "moderator has no meaning: the analysis names no moderators")
    _check_groups(adjust, analysis, here, report)
    for moderator, formula in formulas:
        try:
            tested_terms(formula, plan.data.arm.column, plan.data.time.column, moderator)
        except ModelError as error:
            report(here, str(error))
            return


def _check_groups(adjust: Adjust, analysis: Analysis, here: Path_, report: Report) -> None:
    if not adjust.groups:
        return
    if adjust.family in ("outcome", "plan"):
        why = {
            "outcome": "each outcome is a family already",
            "plan": "families of the plan are of several analyses",
        }[adjust.family]
        report((*here, "groups"), f"has no meaning with family: {adjust.family}: {why}")
        return
    for group, outcomes in adjust.groups.items():
        for place, outcome in enumerate(outcomes):
            if outcome not in analysis.outcomes:
                report(
                    (*here, "groups", group, place), f"`{outcome}` is no outcome of the analysis"
                )
    placed = Counter(outcome for outcomes in adjust.groups.values() for outcome in outcomes)
    for outcome in analysis.outcomes:
        if placed[outcome] != 1:
            times = f"{placed[outcome]} groups" if placed[outcome] else "no group"
            report((*here, "groups"), f"`{outcome}` is in {times}; each outcome is in one")
