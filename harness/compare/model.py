"""Every number of one model, Python's beside R's, joined by name."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.compare.adjusted import deciding, how_adjusted
from harness.compare.algebra import held_at_one_theta
from harness.compare.boundary import find_boundary
from harness.compare.cross import CrossCheck
from harness.compare.drawn import drawn_numbers
from harness.compare.explain import Explanation, explain
from harness.compare.measure import Measured, Pair, measure
from harness.compare.metrics import deviance
from harness.compare.policy import Policy, default_policy
from harness.compare.problem import SameProblem, same_problem
from harness.compare.ranking import Circumstances, ranked
from harness.compare.refused import refusal, refused_by_both
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.estimates.table import EstimateRow, Value, estimate_rows
from harness.models.inference import df_method_of
from harness.models.record import Answer, Estimates, NotComputed
from harness.models.spec import ModelKey

__all__ = ["CrossCheck", "compare_model"]


def compare_model(
    key: ModelKey,
    python: Answer,
    r: Answer,
    cross: CrossCheck | None = None,
    *,
    policy: Policy | None = None,
    label: str = "",
) -> tuple[DiffRow, ...]:
    """Set every number of two answers to one model side by side.

    Rows are joined by (term, quantity), never by position; a number only one side has is a row.

    Args:
        key: which model of the plan.
        python: the port's answer; may be a refusal.
        r: the reference's answer; may be a refusal.
        cross: criteria at the other side's theta, where someone evaluated them.
        policy: the tolerances; the shipped policy if None.
        label: the ``model`` column; the formula if empty.

    Returns:
        At least one row.
    """
    policy = policy or default_policy()
    if isinstance(python, NotComputed) or isinstance(r, NotComputed):
        return _unanswered(key, python, r, label)
    problem = same_problem(python, r, policy.column_rounding)
    explanation = explain(python, r, cross, problem, policy)
    rows = _Rows(
        key=key,
        python=python,
        r=r,
        problem=problem,
        explanation=explanation,
        policy=policy,
        label=label or python.formula,
    )
    compared = rows.compared()
    if cross is None:
        return compared
    return (*compared, *rows.same_algebra(cross), *rows.same_numbers(cross))


class _Rows:
    """The rows of one model; holds what they share."""

    def __init__(
        self,
        *,
        key: ModelKey,
        python: Estimates,
        r: Estimates,
        problem: SameProblem,
        explanation: Explanation,
        policy: Policy,
        label: str,
    ) -> None:
        self.key, self.label, self.policy = key, label, policy
        self.problem, self.explanation = problem, explanation
        self.answers = (python, r)
        self.left = {row.key: row for row in estimate_rows(python)}
        self.right = {row.key: row for row in estimate_rows(r)}
        self.df_method = r.df_method
        self.df_methods = _both(python.df_method, r.df_method)
        self.unclean = (
            "; ".join(r.quality.reasons) or "reason not given"
            if r.quality is not None and not r.quality.clean
            else ""
        )
        self.pair = Pair(
            {name: row.value for name, row in self.left.items()},
            {name: row.value for name, row in self.right.items()},
            r.df_method,
            find_boundary(python, r, policy),
            policy,
            deciding=deciding(python, r),
            drawn=drawn_numbers(python, r),
        )
        self.adjusted = how_adjusted(python, r)

    def compared(self) -> tuple[DiffRow, ...]:
        """All numbers of either side, in the port's order, then what only R has."""
        found = []
        for name in dict.fromkeys((*self.left, *self.right)):
            left, right = self.left.get(name), self.right.get(name)
            if left is not None and right is not None:
                found.append(self._joined(left, left.value, right.value))
            elif left is not None:
                found.append(self._lonely(left, Verdict.PYTHON_ONLY))
            elif right is not None:
                found.append(self._lonely(right, Verdict.R_ONLY))
        for part, quantity, why in refused_by_both(*self.answers):
            nothing = EstimateRow(part, quantity, math.nan)
            verdict = Verdict.NOT_COMPUTED
            found.append(
                self._row(nothing, values=(None, None), measured=None, verdict=verdict, notes=[why])
            )
        return tuple(found)

    def same_algebra(self, cross: CrossCheck) -> Iterator[DiffRow]:
        """Tier T1: the two criteria at R's theta, then at every other theta."""
        at_r = float(self.pair.r["", "criterion", 0])
        yield self._criteria(cross.python_at_r, at_r, "r's theta")
        for both in cross.elsewhere:
            yield self._criteria(both.python.criterion, both.r.criterion, both.words)

    def _criteria(self, python: float, r: float, where: str) -> DiffRow:
        tolerance = self.policy.find("criterion", "T1", df_method=self.df_method)
        measured = Measured(deviance(python, r), tolerance.metric, tolerance.limit_at(abs(r)), "T1")
        verdict = Verdict.MATCH if measured.within else Verdict.DIFFERS
        note = f"both criteria at {where}"
        if not self.problem.same:
            verdict = Verdict.DIFFERENT_MODEL
        elif verdict is Verdict.DIFFERS:
            note = _apart("criteria", where)
        return self._row(
            EstimateRow("", "criterion", r),
            values=(python, r),
            measured=measured,
            verdict=verdict,
            notes=[note],
        )

    def same_numbers(self, cross: CrossCheck) -> Iterator[DiffRow]:
        """Tier T1: the number of each quantity that is nearest to its limit at any theta."""
        r, boundary = self.answers[1], self.pair.boundary
        thetas = len(cross.elsewhere) + (cross.numbers_at_r is not None)
        for held in held_at_one_theta(
            cross.numbers_at_r, r, cross.elsewhere, boundary, self.policy
        ):
            verdict = Verdict.MATCH if held.measured.within else Verdict.DIFFERS
            note = f"at {held.where}, the nearest to its limit of {held.of}"
            if thetas > 1:
                note += f" at {thetas} thetas"
            if not self.problem.same:
                verdict = Verdict.DIFFERENT_MODEL
            elif verdict is Verdict.DIFFERS:
                note = _apart("numbers", held.where)
            yield self._row(
                held.row,
                values=(held.row.value, held.r),
                measured=held.measured,
                verdict=verdict,
                notes=[note],
            )

    def _joined(self, row: EstimateRow, python: Value, r: Value) -> DiffRow:
        measured = measure(row, python, r, self.pair)
        notes: list[str] = []
        if row.occurrence:
            notes.append(f"the term is listed {row.occurrence + 1} times")
        if isinstance(python, float) and math.isnan(python) and measured.delta == 0:
            notes.append("NaN on both sides")
        notes += self._without(row)
        verdict = self._verdict(row, python, r, measured, notes)
        if row.quantity == "n_obs":
            notes = [n for n in (self.problem.difference, *self.problem.remarks) if n] + notes
        if row.quantity == "criterion" and self.problem.same:
            notes += self.explanation.criterion_notes
        if row.quantity == "p_adjusted" and row.term in self.adjusted:
            notes = [note for note in (self.adjusted[row.term].note, *notes) if note]
        return self._row(row, values=(python, r), measured=measured, verdict=verdict, notes=notes)

    def _without(self, row: EstimateRow) -> list[str]:
        """Without which patient a number of the leave-one-out is what it is."""
        given = self.answers[0].leave_one_out or ()
        who = next((one for one in given if one.term == row.term), None)
        fields = {"estimate": "without", "p_value": "p_without"}
        name = "" if who is None else getattr(who, fields.get(row.quantity, ""), "")
        return [f"without {name}"] if name else []

    def _verdict(
        self, row: EstimateRow, python: Value, r: Value, measured: Measured, notes: list[str]
    ) -> Verdict:
        given = Circumstances(
            same_problem=self.problem.same,
            boundary=self.pair.boundary.reason,
            unclean=self.unclean,
            alpha=self.policy.alpha,
        )
        found = ranked(row.quantity, python, r, measured, measured.within, given)
        notes += found.notes
        # A component may differ without an error of its own, where the likelihood is flat.
        if found.verdict is Verdict.DIFFERS and row.quantity in ("sd", "cor"):
            notes += self.explanation.component_notes
            if self.explanation.flat:
                return Verdict.MATCH
        return found.verdict

    def _cause(self, row: EstimateRow, measured: Measured | None) -> str:
        how = self.adjusted.get(row.term) if row.quantity == "p_adjusted" else None
        if how is not None and how.cause:
            return how.cause
        found = self.explanation.cause(row.quantity)
        if not found and measured is not None and measured.tier == "T1":
            return "algebra: not the same numbers at the same theta"
        return found

    def _lonely(self, row: EstimateRow, verdict: Verdict) -> DiffRow:
        only_python = verdict is Verdict.PYTHON_ONLY
        has, lacks = self.answers if only_python else self.answers[::-1]
        name = "r" if only_python else "python"
        why = refusal(row.term, row.quantity, has, lacks)
        notes = [f"{name}: {why}" if why else f"{name} has no such row"]
        if row.occurrence:
            notes.append(f"the term is listed {row.occurrence + 1} times")
        return self._row(
            row,
            values=(row.value, None) if only_python else (None, row.value),
            measured=None,
            verdict=verdict if self.problem.same else Verdict.DIFFERENT_MODEL,
            notes=notes,
        )

    def _row(
        self,
        row: EstimateRow,
        *,
        values: tuple[Value | None, Value | None],
        measured: Measured | None,
        verdict: Verdict,
        notes: list[str],
    ) -> DiffRow:
        return DiffRow(
            analysis=self.key.analysis,
            set=self.key.set,
            outcome=self.key.outcome,
            moderator=self.key.moderator,
            model=self.label,
            term=row.term,
            quantity=row.quantity,
            python=values[0],
            r=values[1],
            published=None,
            delta=measured.delta if measured else None,
            metric=measured.metric if measured else "",
            limit=measured.limit if measured else None,
            tier=measured.tier if measured else "T2",
            verdict=verdict,
            df_method=df_method_of(row.term, self.df_methods),
            cause=self._cause(row, measured) if verdict.red else "",
            note="; ".join(notes),
            exit_code=verdict.exit_code,
        )


def _unanswered(key: ModelKey, python: Answer, r: Answer, label: str) -> tuple[DiffRow, ...]:
    """Rows of a model to which at least one side gave no answer."""
    refusals = [a for a in (python, r) if isinstance(a, NotComputed)]
    note = "; ".join(f"{refusal.engine}: {refusal.reason}" for refusal in refusals)
    code = max(refusal.exit_code for refusal in refusals)
    answered = python if isinstance(python, Estimates) else r
    if not isinstance(answered, Estimates):
        nothing = EstimateRow("", "", math.nan)
        rows: tuple[EstimateRow, ...] = (nothing,)
        verdict, formula, df_method = Verdict.NOT_COMPUTED, "", ""
    else:
        rows, formula, df_method = estimate_rows(answered), answered.formula, answered.df_method
        verdict = Verdict.PYTHON_ONLY if answered is python else Verdict.R_ONLY
    return tuple(
        DiffRow(
            analysis=key.analysis,
            set=key.set,
            outcome=key.outcome,
            moderator=key.moderator,
            model=label or formula,
            term=row.term,
            quantity=row.quantity,
            python=row.value if verdict is Verdict.PYTHON_ONLY else None,
            r=row.value if verdict is Verdict.R_ONLY else None,
            published=None,
            delta=None,
            metric="",
            limit=None,
            tier="T0" if row.quantity in ("n_obs", "n_groups") else "T2",
            verdict=verdict,
            df_method=df_method_of(row.term, df_method),
            cause="",
            note=note,
            exit_code=code,
        )
        for row in rows
    )


def _apart(what: str, where: str) -> str:
    return f"the {what} disagree at the same theta ({where.removesuffix(' theta')})"


def _both(left: str, right: str) -> str:
    return left if left == right else f"{left} | {right}"
