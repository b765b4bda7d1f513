"""Tier T3: what lme4 prints with its defaults, beside the optimum. Information, never a finding.

An analyst types ``lmer(formula, data)`` and prints what comes. On a flat criterion that is not the
optimum, and a published number may be neither the port's nor the checked reference's, but this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from harness.compare.boundary import find_boundary
from harness.compare.measure import Pair, measure
from harness.compare.policy import Policy, default_policy
from harness.compare.ranking import Circumstances, ranked
from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.estimates.table import estimate_rows
from harness.models.besides import ANSWERS
from harness.models.record import Answer, Estimates, Reported
from harness.models.spec import ModelKey

QUANTITIES = ("estimate", "std_error", "df", "p_value", "sd", "cor", "sigma", "criterion")
"""What is compared; statistics and intervals follow from the first three."""


def reported_rows(
    key: ModelKey, python: Answer, r: Answer, policy: Policy | None = None, *, label: str = ""
) -> tuple[DiffRow, ...]:
    """Every number of the port beside what lme4 prints by default, of one model.

    Args:
        key: which model of the plan.
        python: the port's answer.
        r: the reference's answer, with what the same program prints by default.
        policy: the tolerances; the shipped policy if None.
        label: the ``model`` column; the formula if empty.

    Returns:
        Rows of tier T3, whose ``r`` is the default's value and whose note has the reference's where
        the two differ; none where the reference did not look, or does not search (linear models).
    """
    if not (isinstance(python, Estimates) and isinstance(r, Estimates)) or r.reported is None:
        return ()
    policy = policy or default_policy()
    label = label or python.formula
    if not r.reported.fixed:
        return (_refused(key, r, r.reported, label),)
    return tuple(_rows(key, python, r, r.reported, policy, label))


def _rows(
    key: ModelKey, python: Estimates, r: Estimates, reported: Reported, policy: Policy, label: str
) -> Iterator[DiffRow]:
    printed = _as_answer(r, reported)
    ours, theirs, checked = (
        {row.key: row for row in estimate_rows(side)} for side in (python, printed, r)
    )
    pair = Pair(
        {name: row.value for name, row in ours.items()},
        {name: row.value for name, row in theirs.items()},
        r.df_method,
        find_boundary(python, printed, policy),
        policy,
        optimum="T3",
    )
    given = Circumstances(True, pair.boundary.reason, "", policy.alpha)
    said = "; ".join(reported.messages)
    for name, row in ours.items():
        if row.quantity not in QUANTITIES or name not in theirs:
            continue
        value = theirs[name].value
        measured = measure(row, row.value, value, pair)
        found = ranked(row.quantity, row.value, value, measured, measured.within, given)
        notes = list(found.notes)
        if found.verdict.red and name in checked:
            notes.append(f"at the checked optimum r has {float(checked[name].value)!r}")
        if row.quantity == "criterion" and said:
            notes.append(f"lme4 says: {said}")
        yield DiffRow(
            *(key.analysis, key.set, key.outcome, key.moderator, label, row.term, row.quantity),
            python=row.value,
            r=value,
            published=None,
            delta=measured.delta,
            metric=measured.metric,
            limit=measured.limit,
            tier="T3",
            verdict=found.verdict,
            df_method=r.df_method,
            cause="lme4's default search ended elsewhere" if found.verdict.red else "",
            note="; ".join(notes),
            exit_code=0,
        )


def _as_answer(r: Estimates, reported: Reported) -> Estimates:
    """The default's numbers in the form of an answer, without what follows from the fit.

    Its theta stays r's: nothing that is compared hangs on it.
    """
    nothing_besides: dict[str, Any] = dict.fromkeys(ANSWERS)
    return replace(
        r,
        fixed=reported.fixed,
        random=reported.random,
        fit=replace(r.fit, criterion=reported.criterion),
        singular=reported.singular,
        **nothing_besides,
    )


def _refused(key: ModelKey, r: Estimates, reported: Reported, label: str) -> DiffRow:
    """One row for a model that plain ``lmer`` does not fit at all."""
    return DiffRow(
        *(key.analysis, key.set, key.outcome, key.moderator, label, "", "criterion"),
        python=None,
        r=None,
        published=None,
        delta=None,
        metric="",
        limit=None,
        tier="T3",
        verdict=Verdict.NOT_COMPUTED,
        df_method=r.df_method,
        cause="",
        note=f"lme4 by default: {reported.messages[-1] if reported.messages else 'no answer'}",
        exit_code=0,
    )
