"""What a plan must satisfy beyond its shape, as far as that needs no data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import product

from harness.errors import FormulaError
from harness.language import Call, Formula, Node, fill_formula, names_in, parse_expression
from harness.language.nodes import Binary, Group, Unary
from harness.language.tokens import placeholders
from harness.plan.adjust import check_adjust
from harness.plan.besides import check_besides
from harness.plan.detection import check_detection
from harness.plan.document import Path_
from harness.plan.hypotheses import check_hypotheses
from harness.plan.missing import check_missing
from harness.plan.mmrm import check_mmrm
from harness.plan.placed import column_names
from harness.plan.probe import check_probe
from harness.plan.schema import Analysis, Plan
from harness.plan.scores import check_scores
from harness.plan.sections.patients import PatientSet
from harness.plan.sensitivity import check_sensitivity
from harness.plan.tobit import check_tobit
from harness.plan.visits import check_visits

MAX_MODELS = 10_000

Report = Callable[[Path_, str], None]
"""Takes where in the plan, and what is wrong there."""


def check_plan(plan: Plan, set_names: Collection[str], report: Report) -> None:
    """Report everything wrong with a plan of the right shape.

    Args:
        plan: perhaps without the parts whose shape was wrong.
        set_names: the analysis sets that the file names, right or wrong.
        report: takes the problems.
    """
    for part in ("arm", "time"):
        levels = getattr(plan.data, part).levels
        _no_repeats(levels, ("data", part, "levels"), report)
    columns = (plan.data.id, plan.data.arm.column, plan.data.time.column)
    if len(set(columns)) < len(columns):
        report(("data",), "id, arm and time must be three different columns")
    _check_paths(plan, report)
    check_scores(plan, report)
    check_detection(plan, report)
    for name, rule in plan.sets.items():
        _check_set(rule, ("sets", name), report)
    for name, text in plan.derive.items():
        _check_expression(text, ("derive", name), report, panel=True)
    models = sum(
        len(a.sets) * len(a.outcomes) * max(1, len(a.moderators)) * len(a.scales)
        for a in plan.analyses
    )
    if models > MAX_MODELS:
        report(("analyses",), f"{models} models; {MAX_MODELS} are allowed")
        return  # each would be parsed below
    seen: dict[str, int] = {}
    for position, analysis in enumerate(plan.analyses):
        where: Path_ = ("analyses", position)
        if analysis.id in seen:
            report(
                (*where, "id"), f"`{analysis.id}` is already the id of analysis {seen[analysis.id]}"
            )
        seen.setdefault(analysis.id, position + 1)
        _check_analysis(analysis, set_names, where, report)
        formulas = _formulas(analysis)
        check_visits(plan, analysis, formulas, where, report)
        check_besides(plan, analysis, formulas, where, report)
        check_missing(plan, analysis, formulas, where, report)
        moderators = [moderator for _, moderator in combinations(analysis)]
        check_probe(plan, analysis, list(zip(moderators, formulas, strict=False)), where, report)
        check_adjust(plan, analysis, list(zip(moderators, formulas, strict=False)), where, report)
        check_sensitivity(plan, analysis, formulas, where, report)
        check_tobit(plan, analysis, formulas, where, report)
        check_hypotheses(
            plan, analysis, list(zip(moderators, formulas, strict=False)), where, report
        )


def combinations(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Outcome and moderator ("" where there is none) of each model of an analysis, in order."""
    return product(analysis.outcomes, analysis.moderators or ("",))


def filled(analysis: Analysis, outcome: str, moderator: str) -> Formula:
    """The formula of one model.

    Raises:
        FormulaError: the template does not parse with these columns.
    """
    columns = {"outcome": outcome}
    if moderator:
        columns["moderator"] = moderator
    columns |= column_names(outcome)
    return fill_formula(analysis.formula, columns)


def _formulas(analysis: Analysis) -> list[Formula]:
    """Of an analysis' models; none where the template is wrong, which is reported elsewhere."""
    try:
        return [filled(analysis, *pair) for pair in combinations(analysis)]
    except FormulaError:
        return []


def _check_paths(plan: Plan, report: Report) -> None:
    paths: list[tuple[Path_, str]] = [
        (("data", "file"), plan.data.file),
        (("data", "codebook"), plan.data.codebook),
        (("gate", "suite"), plan.gate.suite),
    ]
    if plan.published is not None:
        paths.append((("published",), plan.published))
    for where, path in paths:
        if path.startswith(("/", "~")) or "\\" in path or ":" in path or not path.isprintable():
            report(where, f"`{path}` must be a path relative to the plan, with `/` between folders")


def _check_set(rule: str | PatientSet, where: Path_, report: Report) -> None:
    if isinstance(rule, str):
        _check_expression(rule, where, report, panel=False)
        return
    if rule.where is not None:
        _check_expression(rule.where, (*where, "where"), report, panel=False)
    for part in ("complete", "observed_after_baseline"):
        _no_repeats(getattr(rule, part), (*where, part), report)
    if not rule.model_fields_set:
        report(where, f"selects by nothing; give it {', '.join(PatientSet.model_fields)}")


def _check_expression(text: str, where: Path_, report: Report, *, panel: bool) -> None:
    try:
        node = parse_expression(text)
    except FormulaError as error:
        report(where, str(error))
        return
    if not panel and (call := _panel_call(node)) is not None:
        report(where, f"`{call}()` is for derived columns; derive one and use it here")


def _panel_call(node: Node) -> str | None:
    match node:
        case Call(function=("baseline" | "change")):
            return node.function
        case Call():
            parts: tuple[Node, ...] = node.arguments
        case Binary():
            parts = (node.left, node.right)
        case Unary():
            parts = (node.operand,)
        case Group():
            parts = (node.inner,)
        case _:
            return None
    return next((found for part in parts if (found := _panel_call(part)) is not None), None)


def _check_analysis(
    analysis: Analysis, set_names: Collection[str], where: Path_, report: Report
) -> None:
    for part in ("outcomes", "moderators", "sets", "report", "scales", "at"):
        _no_repeats(getattr(analysis, part) or (), (*where, part), report)
    for position, name in enumerate(analysis.sets):
        if name not in set_names:
            known = ", ".join(set_names)
            report((*where, "sets", position), f"no set `{name}`; there are {known}")
    _check_formula(analysis, where, report)


def _check_formula(analysis: Analysis, where: Path_, report: Report) -> None:
    here = (*where, "formula")
    try:
        used = placeholders(analysis.formula)
    except FormulaError as error:
        report(here, str(error))
        return
    if "moderator" in used and not analysis.moderators:
        report(here, "`{moderator}` stands for nothing: the analysis names no moderators")
        return
    if analysis.moderators and "moderator" not in used:
        report(here, "the analysis names moderators but its formula has no `{moderator}`")
    if analysis.kind == "moderation" and "moderator" not in used:
        report(here, "a moderation has `{moderator}` in its formula")
    try:
        formulas = [(pair, filled(analysis, *pair)) for pair in combinations(analysis)]
    except FormulaError as error:
        report(here, str(error))
        return
    (outcome, _), formula = formulas[0]
    possible = {"outcome": outcome, "change": column_names(outcome)["change"]}
    left = {column for placeholder, column in possible.items() if placeholder in used}
    if not left & set(names_in(formula.response)):
        report(here, "left of `~` stands `{outcome}` or `{change}`, or a call on it")
    needs = {"lmm": True, "ols": False, "ancova": False, "mmrm": False, "tobit": False}.get(
        analysis.kind
    )
    if needs is True and not formula.random:
        report(here, "kind lmm needs a random term such as `+ (1 | id)`; without one it is ols")
    if needs is False and formula.random:
        report(here, f"kind {analysis.kind} has no random terms; with `(… | …)` it is lmm")
    if analysis.covariance is not None and analysis.kind != "mmrm":
        report((*where, "covariance"), f"is for kind mmrm, not {analysis.kind}; leave it out")
    if analysis.kind == "mmrm":
        check_mmrm(analysis, where, report)
        return
    mixed = bool(formula.random)
    if not mixed and analysis.df not in (None, "residual", "z"):
        report(
            (*where, "df"), f"{analysis.df} is for mixed models; a linear model has residual or z"
        )
    if mixed and analysis.df == "kenward-roger" and not analysis.reml:
        report(
            (*where, "df"),
            "Kenward-Roger needs a REML fit; with reml: false: satterthwaite, residual or z",
        )
    if not mixed and "reml" in analysis.model_fields_set:
        report((*where, "reml"), "has no meaning for a linear model; leave it out")


def _no_repeats(names: tuple[str, ...], where: Path_, report: Report) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            report((*where, position), f"`{name}` stands twice")
        seen.add(name)
