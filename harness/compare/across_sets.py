"""One analysis over several analysis sets: what its result is in each, and whether that matters.

Of each analysis, outcome and moderator that is fitted on two sets or more, the coefficients of the
term the analysis is about, and the contrasts where they are reported. Nothing is tested: the sets
share patients, so the difference between two of them has no standard error here; it is told in
standard errors of the first set's estimate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.errors import FormulaError
from harness.language import Name, names_in, parse_formula
from harness.language.formula import Term
from harness.language.nodes import deparse

NUMBERS = ("std_error", "conf_low", "conf_high", "p_value")
"""What is told of an estimate or a contrast besides itself."""


@dataclass(frozen=True, slots=True)
class InSet:
    """A result in one analysis set.

    Attributes:
        set: name of the set.
        estimate, std_error, conf_low, conf_high, p_value: as Python has them, where both sides
            agree on each; else None, and ``note`` says why.
        decision: ``none`` (p at least alpha), ``positive`` or ``negative``; else empty.
        apart: estimate less the first set's, in standard errors of the first set's.
        another: whether the decision is another than in the first set; None where not compared,
            and in the first set.
        note: why it is not compared.
    """

    set: str
    estimate: float | None = None
    std_error: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    p_value: float | None = None
    decision: str = ""
    apart: float | None = None
    another: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class AcrossSets:
    """One coefficient or contrast over the sets of its analysis.

    Attributes:
        analysis, outcome, moderator: which of the plan's models.
        model: its formula.
        term: R's name of the coefficient, or the contrast's.
        quantity: ``estimate`` of a coefficient, or ``contrast``.
        sets: in the order of the plan; the first is what the others are compared with.
    """

    analysis: str
    outcome: str
    moderator: str
    model: str
    term: str
    quantity: str
    sets: tuple[InSet, ...]

    @property
    def place(self) -> str:
        """The models as ``analysis/outcome[/moderator]``."""
        return "/".join(filter(None, (self.analysis, self.outcome, self.moderator)))


def across_sets(
    rows: Iterable[DiffRow], arm: str, levels: Sequence[str], alpha: float
) -> tuple[AcrossSets, ...]:
    """Every result that a diff table has in two analysis sets or more.

    Args:
        rows: of the diff table.
        arm: column of the arm.
        levels: its levels.
        alpha: two-sided level of the decisions.

    Returns:
        By analysis, outcome and moderator in the order of the table; coefficients first.
    """
    ordered: dict[tuple[str, str, str], list[DiffRow]] = {}
    for row in rows:
        if row.tier != "T1":  # those hold the algebra at one theta, not the answer
            ordered.setdefault((row.analysis, row.outcome, row.moderator), []).append(row)
    return tuple(
        result
        for key, of_key in ordered.items()
        if len({row.set for row in of_key}) > 1
        for result in _results(key, of_key, (arm, tuple(levels)), alpha)
    )


Numbers = dict[tuple[str, str], DiffRow]
"""Rows of one model by term and quantity."""


def _results(
    key: tuple[str, str, str],
    rows: Sequence[DiffRow],
    arm: tuple[str, tuple[str, ...]],
    alpha: float,
) -> Iterable[AcrossSets]:
    by_set: dict[str, Numbers] = {}
    for row in rows:
        by_set.setdefault(row.set, {}).setdefault((row.term, row.quantity), row)
    model = next((row.model for row in rows if row.model), "")
    about = _coefficients_of(model, *arm)
    for quantity in ("estimate", "contrast"):
        terms = dict.fromkeys(row.term for row in rows if row.quantity == quantity)
        for term in terms:
            if quantity == "estimate" and not any(p.fullmatch(term) for p in about):
                continue
            found = [_in_set(name, of, term, quantity, alpha) for name, of in by_set.items()]
            first = found[0]
            compared = (first, *(_beside(first, other) for other in found[1:]))
            yield AcrossSets(*key, model, term, quantity, compared)


def _coefficients_of(model: str, arm: str, levels: Sequence[str]) -> list[re.Pattern[str]]:
    """What the coefficients of the highest-order terms with the arm are called."""
    try:
        terms = [term for term in parse_formula(model).terms if _has(term, arm)]
    except FormulaError:
        return []
    most = max((len(term.factors) for term in terms), default=0)
    # Treatment contrasts are named by the level, others by number, or as polynomials.
    coded = "|".join((*map(re.escape, levels), r"\d+", r"\.[LQC]", r"\^\d+"))
    return [
        re.compile(
            ":".join(
                re.escape(deparse(node)) + (f"(?:{coded})" if node == Name(arm) else ".*")
                for node in term.factors
            )
        )
        for term in terms
        if len(term.factors) == most
    ]


def _has(term: Term, column: str) -> bool:
    return any(column in names_in(node) for node in term.factors)


def _in_set(name: str, numbers: Numbers, term: str, quantity: str, alpha: float) -> InSet:
    rows = [numbers.get((term, part)) for part in (quantity, *NUMBERS)]
    if rows[0] is None:
        refused = next((row for row in numbers.values() if row.verdict.red and row.note), None)
        return InSet(name, note=refused.note if refused else f"has no {term}")
    values = []
    for row in rows:
        if row is None or row.python is None:
            return InSet(name, note="not every number is there")
        if row.verdict is not Verdict.MATCH:
            return InSet(name, note=f"{row.quantity}: {row.verdict}")
        values.append(float(row.python))
    estimate, std_error, low, high, p = values
    if math.isnan(p) or math.isnan(estimate):
        return InSet(name, note="not a number on either side")
    shown = "none" if p >= alpha else "positive" if estimate > 0 else "negative"
    return InSet(name, estimate, std_error, low, high, p, shown)


def _beside(first: InSet, other: InSet) -> InSet:
    """A set with its difference from the first; as it is where one of them has no result."""
    numbers = (other.estimate, other.std_error, other.conf_low, other.conf_high, other.p_value)
    if other.estimate is None:
        return other
    if first.estimate is None or not first.std_error:
        return InSet(other.set, *numbers, other.decision, note=f"{first.set} has no result")
    apart = (other.estimate - first.estimate) / first.std_error
    return InSet(other.set, *numbers, other.decision, apart, other.decision != first.decision)


def pairs(
    results: Iterable[AcrossSets],
) -> list[tuple[tuple[str, str], list[tuple[AcrossSets, InSet]]]]:
    """Results by (first set, other set), in order of first appearance."""
    flat = [
        ((one.sets[0].set, other.set), (one, other)) for one in results for other in one.sets[1:]
    ]
    order = list(dict.fromkeys(pair for pair, _ in flat))
    flat.sort(key=lambda item: order.index(item[0]))
    return [
        (pair, [item for _, item in of]) for pair, of in groupby(flat, key=lambda item: item[0])
    ]
