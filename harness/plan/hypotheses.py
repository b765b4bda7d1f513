"""Hypotheses on coefficients: whether the models of an analysis can have coefficients so called."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from harness.language import Formula, Name, Node, quote_name
from harness.language.nodes import deparse
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Factor, Plan
from harness.plan.sections.hypotheses import LinearHypothesis

Rows = tuple[tuple[tuple[str, float], ...], ...]


def coefficient_rows(hypothesis: LinearHypothesis, outcome: str, moderator: str) -> Rows:
    """The rows of a hypothesis with their placeholders filled, names as R spells them."""
    return tuple(
        tuple((_filled(name, outcome, moderator), float(factor)) for name, factor in row.items())
        for row in hypothesis.rows
    )


def _filled(name: str, outcome: str, moderator: str) -> str:
    for placeholder, column in (("{outcome}", outcome), ("{moderator}", moderator)):
        if column:
            name = name.replace(placeholder, quote_name(column))
    return name


def check_hypotheses(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[tuple[str, Formula]],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report hypotheses that no data could make sense of.

    A coefficient is called by the variables of its term, each with a level or what else a coding
    puts behind it; what cannot be such a name is reported. The rest only the data can tell.

    Args:
        plan: knows the levels of arm and time.
        analysis: the analysis.
        formulas: moderator and formula of its models; empty where they are wrong, which is
            reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    for name, hypothesis in analysis.hypotheses.items():
        here = (*where, "hypotheses", name)
        for row in hypothesis.rows:
            if not any(row.values()):
                report(here, "names no coefficient with a factor other than 0")
        if len(hypothesis.equals) not in (0, len(hypothesis.rows)):
            report(here, "equals has not one number for each row")
        for outcome, (moderator, formula) in _pairs(analysis, formulas):
            wrong = [
                column
                for row in coefficient_rows(hypothesis, outcome, moderator)
                for column, _ in row
                if not _possible(column, formula, plan, analysis)
            ]
            if wrong:
                terms = ", ".join(_labels(formula))
                report(
                    here,
                    f"`{formula.text}` has no coefficient `{wrong[0]}`; its terms are {terms}, and "
                    "a factor's coefficients are its name and a level, as R has them",
                )
                break


def _pairs(
    analysis: Analysis, formulas: Sequence[tuple[str, Formula]]
) -> list[tuple[str, tuple[str, Formula]]]:
    """Each model's outcome beside its moderator and formula, in the order of combinations."""
    each = max(1, len(analysis.moderators))
    return [(analysis.outcomes[k // each], pair) for k, pair in enumerate(formulas)]


def _labels(formula: Formula) -> list[str]:
    return [*(["(Intercept)"] if formula.intercept else []), *(t.label for t in formula.terms)]


def _possible(name: str, formula: Formula, plan: Plan, analysis: Analysis) -> bool:
    """Whether some data could give a model of this formula a coefficient of this name."""
    if name == "(Intercept)":
        return formula.intercept
    return any(
        re.fullmatch(":".join(_pattern(f, plan, analysis) for f in term.factors), name, re.DOTALL)
        for term in formula.terms
    )


def _pattern(node: Node, plan: Plan, analysis: Analysis) -> str:
    """What a variable's part of a name looks like: arm and time have known levels, or none."""
    label = re.escape(deparse(node))
    factors: dict[str, Factor] = {f.column: f for f in (plan.data.arm, plan.data.time)}
    if isinstance(node, Name) and node.name in factors and node.name not in analysis.contrasts:
        levels = "|".join(re.escape(level) for level in factors[node.name].levels)
        return f"{label}(?:{levels}|)"
    return f"{label}.*"
