"""Whether an analysis is a Tobit model: its limits stand where values are censored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.errors import FormulaError
from harness.language import Call, Formula, Name, Node, parse_expression
from harness.language.nodes import Group, deparse
from harness.plan.detection import detection_columns
from harness.plan.document import Path_
from harness.plan.schema import Analysis, Plan
from harness.plan.sections.markers import Detection, DetectionRule

INCREASING = ("log", "log2", "log10", "log1p", "exp", "sqrt", "I")
"""Calls by which a value below the limit stays below the limit's own value."""
REPORTED = ("coefficients", "random", "fit")


def check_tobit(
    plan: Plan,
    analysis: Analysis,
    formulas: Sequence[Formula],
    where: Path_,
    report: Callable[[Path_, str], None],
) -> None:
    """Report everything that keeps a Tobit model from being one.

    Args:
        plan: says by which rule a marker's values below the limit are replaced.
        analysis: the analysis.
        formulas: of its models; empty where they are wrong, which is reported elsewhere.
        where: its place in the plan.
        report: takes the problems.
    """
    if analysis.kind != "tobit":
        if analysis.censored is not None:
            report((*where, "censored"), f"is for kind tobit, not {analysis.kind}")
        return
    if analysis.censored is None:
        report(where, "kind tobit needs `censored: {below: <flag column>}`")
    if analysis.df == "residual":
        report((*where, "df"), "a Tobit model has z tests; leave df out")
    for key in ("weights", "offset", "means", "effect_size", "adjust", "probe"):
        if getattr(analysis, key) is not None:
            report((*where, key), "is not available for a Tobit model; leave it out")
    for place, part in enumerate(analysis.report):
        if part not in REPORTED:
            report((*where, "report", place), f"{part} is not available for a Tobit model")
    each = max(1, len(analysis.moderators))
    for place, outcome in enumerate(analysis.outcomes):
        if analysis.censored is None or not formulas:
            break
        problem = _no_limit(plan, formulas[place * each].response, analysis.censored.below)
        if problem:
            report((*where, "outcomes", place), f"`{outcome}`: {problem}")


def _no_limit(plan: Plan, response: Node, flag: str) -> str:
    """Why a response is not the limit where the flag is true; empty if it is."""
    node, seen = response, set[str]()
    rules = _rules(plan)
    while True:
        if isinstance(node, Group):
            node = node.inner
        elif isinstance(node, Call) and node.function in INCREASING and len(node.arguments) == 1:
            node = node.arguments[0]
        elif not isinstance(node, Name):
            return (
                f"`{deparse(node)}` is no increasing call on one marker ({', '.join(INCREASING)}), "
                "so that its limit is not known"
            )
        elif node.name in plan.derive and node.name not in seen:
            seen.add(node.name)
            try:
                node = parse_expression(plan.derive[node.name])
            except FormulaError:
                return ""  # reported with the derived column
        elif node.name not in rules:
            return f"`{node.name}` has no rule in `detection:`, and needs rule lod"
        else:
            return _not_the_limit(node.name, *rules[node.name], flag)


def _rules(plan: Plan) -> dict[str, tuple[str, Detection, DetectionRule]]:
    """By column: its marker, the marker's entry and the column's rule."""
    return {
        column: (name, entry, rule)
        for name, entry in plan.detection.items()
        for column, rule in detection_columns(name, entry).items()
    }


def _not_the_limit(
    column: str, marker: str, entry: Detection, rule: DetectionRule, flag: str
) -> str:
    if rule != "lod":
        return (
            f"`{column}` has rule {rule}; censored values stand at their limit, which is rule lod "
            f"(`also: {{{marker}_lod: lod}}` makes such a column)"
        )
    if entry.below != flag:
        given = f"`{entry.below}`" if entry.below else "no flag column"
        return f"`detection.{marker}` has {given} as below, `censored` has `{flag}`"
    return ""
