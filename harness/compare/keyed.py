"""Numbers by key on two sides, of which at least one is no more than a table of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.compare.boundary import Boundary, boundary_of
from harness.compare.measure import Measured, Pair, measure
from harness.compare.policy import Policy
from harness.compare.printed import AsPrinted, as_printed
from harness.compare.ranking import Circumstances, ranked
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.estimates.numbers import ModelNumbers, Numbers
from harness.estimates.quantities import PROBLEM_QUANTITIES
from harness.estimates.table import EstimateRow
from harness.estimates.written import Written
from harness.models.record import Estimates, NotComputed
from harness.models.spec import ModelKey


def compare_numbers(
    key: ModelKey,
    python: ModelNumbers,
    r: ModelNumbers,
    *,
    spoken: frozenset[str],
    policy: Policy,
    label: str,
) -> tuple[DiffRow, ...]:
    """Set the numbers of one model side by side; the rules are ``compare_model``'s.

    What needs a whole answer on both sides is not asked: the print of the design, the criterion
    at one theta, the cause of a difference. A printed number is also held against its digits.

    Args:
        key: the model.
        python: one side.
        r: the other.
        spoken: the quantities both files speak of; numbers of others are no rows.
        policy: the tolerances.
        label: the ``model`` column.
    """
    rows = _Rows(key, python, r, policy, label)
    left, right = _of(python.numbers, spoken), _of(r.numbers, spoken)
    return tuple(rows.row(name, left.get(name), right.get(name)) for name in {**left, **right})


def _of(numbers: Numbers, spoken: frozenset[str]) -> Numbers:
    return {name: written for name, written in numbers.items() if name[1] in spoken}


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of one number."""

    verdict: Verdict
    measured: Measured | None
    notes: list[str]
    printed: bool = False


class _Rows:
    """The rows of one model; holds what they share."""

    def __init__(
        self, key: ModelKey, python: ModelNumbers, r: ModelNumbers, policy: Policy, label: str
    ) -> None:
        self.key, self.label, self.policy = key, label, policy
        self.df_method = r.df_method or python.df_method
        both = dict.fromkeys(name for name in (python.df_method, r.df_method) if name)
        self.df_methods = " | ".join(both)
        self.pair = Pair(
            {name: written.value for name, written in python.numbers.items()},
            {name: written.value for name, written in r.numbers.items()},
            self.df_method,
            _boundary(python, r, policy),
            policy,
        )
        self.other_problem = _other_problem(python.numbers, r.numbers)
        self.unclean = _unclean(r)
        self.refusals = [s.answer for s in (python, r) if isinstance(s.answer, NotComputed)]

    def row(self, name: tuple[str, str, int], python: Written | None, r: Written | None) -> DiffRow:
        term, quantity, _ = name
        if python is not None and r is not None:
            judged = self._joined(EstimateRow(term, quantity, r.value), python, r)
        else:
            judged = self._lonely(only_python=r is None)
        measured = judged.measured
        return DiffRow(
            analysis=self.key.analysis,
            set=self.key.set,
            outcome=self.key.outcome,
            moderator=self.key.moderator,
            model=self.label,
            term=term,
            quantity=quantity,
            python=None if python is None else python.value,
            r=None if r is None else r.value,
            published=None,
            delta=measured.delta if measured else None,
            metric=measured.metric if measured else "",
            limit=measured.limit if measured else None,
            tier="T0" if quantity in PROBLEM_QUANTITIES else "T2",
            verdict=judged.verdict,
            df_method=self.df_methods,
            cause="",
            note="; ".join(judged.notes),
            exit_code=max([judged.verdict.exit_code, *(a.exit_code for a in self.refusals)]),
            printed=judged.printed,
        )

    def _lonely(self, *, only_python: bool) -> _Judged:
        if self.refusals:
            notes = [f"{answer.engine}: {answer.reason}" for answer in self.refusals]
        else:
            notes = [f"{'r' if only_python else 'python'} has no such row"]
        verdict = Verdict.PYTHON_ONLY if only_python else Verdict.R_ONLY
        return _Judged(Verdict.DIFFERENT_MODEL if self.other_problem else verdict, None, notes)

    def _joined(self, row: EstimateRow, python: Written, r: Written) -> _Judged:
        measured = measure(row, python.value, r.value, self.pair)
        notes: list[str] = []
        if measured.delta == 0 and math.isnan(python.value):
            notes.append("NaN on both sides")
        digits = None if measured.within else as_printed(python, r, measured)
        if digits is not None and (digits.agree or digits.coarse):
            agree = "agrees to" if digits.agree else "beyond"
            notes.append(f"{agree} the digits printed ({digits.text})")
        within = measured.within or (digits is not None and digits.agree)
        verdict = self._verdict(row.quantity, python, r, measured, within, notes)
        printed = digits is not None and digits.agree and verdict is Verdict.MATCH
        if printed and digits is not None:
            measured = _in_own_unit(digits, measured)
        return _Judged(verdict, measured, notes, printed)

    def _verdict(
        self,
        quantity: str,
        python: Written,
        r: Written,
        measured: Measured,
        within: bool,
        notes: list[str],
    ) -> Verdict:
        given = Circumstances(
            same_problem=not self.other_problem,
            boundary=self.pair.boundary.reason,
            unclean=self.unclean,
            alpha=self.policy.alpha,
        )
        found = ranked(quantity, python.value, r.value, measured, within, given)
        notes += found.notes
        if self.other_problem:
            notes.append(self.other_problem)
        return found.verdict


def _in_own_unit(digits: AsPrinted, measured: Measured) -> Measured:
    return replace(measured, delta=digits.gap, metric="absolute", limit=digits.allowed)


def _boundary(python: ModelNumbers, r: ModelNumbers, policy: Policy) -> Boundary:
    """As far as either side tells: a whole answer by its own test, a table by its flag."""
    for name, side in (("python", python), ("r", r)):
        if isinstance(side.answer, Estimates):
            found = boundary_of(name, side.answer, policy)
        else:
            flag = side.numbers.get(("", "singular", 0))
            singular = flag is not None and bool(flag.value)
            found = Boundary(f"boundary fit: {name} calls it singular" if singular else "")
        if found:
            return found
    return Boundary()


def _other_problem(python: Numbers, r: Numbers) -> str:
    """The first count both sides give and disagree on, in words; empty when there is none."""
    for name, written in python.items():
        term, quantity, _ = name
        if quantity in PROBLEM_QUANTITIES and name in r and written.value != r[name].value:
            what = f"groups of {term}" if term else "rows"
            return f"another problem: {written.value} {what} in python, {r[name].value} in r"
    return ""


def _unclean(r: ModelNumbers) -> str:
    quality = r.answer.quality if isinstance(r.answer, Estimates) else None
    if quality is None or quality.clean:
        return ""
    return "; ".join(quality.reasons) or "reason not given"
