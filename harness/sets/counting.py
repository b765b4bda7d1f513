"""Counting the flow of patients: randomised, seen and lost by visit, in sets and models.

Counted from the data, as the flow diagram and item 13 of CONSORT ask (Schulz, Altman, Moher 2010,
BMJ 340, c332). A patient is randomised of whom the data have a row with an arm: who was never
entered is nowhere to be counted. A patient is *seen* at a visit where one of the columns that
make a visit has a value, so that it does not matter whether the data keep rows of visits that did
not take place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.patients import PatientVisits, patient_visits
from harness.language import parse_expression
from harness.language.nodes import Truth
from harness.plan.schema import Factor, Plan
from harness.plan.sections.patients import PatientSet
from harness.sets.analysis_set import AnalysisSet
from harness.sets.flow import ByArm, Flow, ModelCounts, SetCounts, VisitCounts

Mask = npt.NDArray[np.bool_]
NO_REASON = "no reason given"
_ITT = {"itt", "intention to treat", "intent to treat"}


@dataclass(frozen=True, slots=True)
class ModelColumns:
    """A model as the flow needs it.

    Attributes:
        place: ``analysis/set/outcome[/moderator]``.
        set: name of its set.
        columns: of its formula, weights and offset.
        at: levels of time whose rows it uses; None for all.
    """

    place: str
    set: str
    columns: tuple[str, ...]
    at: tuple[str, ...] | None = None


def patient_flow(
    plan: Plan, frame: pd.DataFrame, sets: dict[str, AnalysisSet], models: Iterable[ModelColumns]
) -> Flow:
    """Count a study's patients.

    Args:
        plan: names id, arm, time, the sets and, in ``flow``, further columns; checked.
        frame: the data with scores and derived columns.
        sets: of the plan, on this frame.
        models: those to count.
    """
    data = plan.data
    visits = patient_visits(frame, data.id, data.time)
    arms = _Arms(frame[data.arm.column], data.arm.levels, visits)
    asked = plan.flow
    seen_by = tuple(dict.fromkeys(name for analysis in plan.analyses for name in analysis.outcomes))
    seen_by = asked.seen if asked is not None and asked.seen is not None else seen_by
    has_value = np.asarray(frame[list(seen_by)].notna().any(axis=1), dtype=np.bool_)
    reason = _of_patients(frame, visits, asked.reason if asked else None)
    became = _of_patients(frame, visits, asked.disposition if asked else None)
    by_set = tuple(
        SetCounts(
            name,
            arms.count(visits.any_of(sets[name].mask)),
            arms.count_rows(sets[name].mask),
            _is_everybody(name, rule),
        )
        for name, rule in plan.sets.items()
    )
    models = tuple(models)
    columns = dict.fromkeys(name for model in models for name in model.columns)
    present = {name: frame[name].notna().to_numpy(dtype=np.bool_) for name in columns}
    return Flow(
        arms=data.arm.levels,
        randomised=arms.count(np.ones(len(visits.patients), dtype=np.bool_)),
        seen_by=seen_by,
        dispositions=() if became is None else _told(became, arms, arms.known),
        visits=_visits(data.time.levels, visits, arms, has_value, reason),
        sets=by_set,
        models=tuple(
            _model(one, present, sets[one.set].mask, _at(one, data.time, visits), visits, arms)
            for one in models
        ),
        data_notes=arms.notes,
    )


class _Arms:
    """The arm of each patient: that of the first row that names one."""

    def __init__(self, column: pd.Series, levels: Sequence[str], visits: PatientVisits) -> None:
        words = column.astype(object).to_numpy()
        rows = np.full(len(words), -1, dtype=np.intp)
        for place, level in enumerate(levels):
            rows[words == level] = place
        self.n, self._visits = len(levels), visits
        having = [visits.any_of(rows == place) for place in range(self.n)]
        self._of = np.full(len(visits.patients), -1, dtype=np.intp)
        known = np.flatnonzero((rows >= 0) & (visits.patient >= 0))[::-1]
        self._of[visits.patient[known]] = rows[known]  # the first row is written last
        several = int((np.sum(having, axis=0) > 1).sum())
        without = int((self._of < 0).sum())
        self.notes = tuple(
            note
            for count, note in (
                (
                    several,
                    f"{several} patients have several arms: counted in that of the first row",
                ),
                (without, f"{without} patients have no arm: counted in none"),
            )
            if count
        )

    @property
    def known(self) -> Mask:
        """Which patients have an arm."""
        return self._of >= 0

    def count(self, patients: Mask) -> ByArm:
        """Some of the patients by arm."""
        return tuple(int((self._of[patients] == place).sum()) for place in range(self.n))

    def count_rows(self, rows: Mask) -> ByArm:
        """Some of the rows by arm of their patient."""
        of_rows = np.append(self._of, -1)[self._visits.patient[rows]]
        return tuple(int((of_rows == place).sum()) for place in range(self.n))


def _visits(
    levels: Sequence[str],
    visits: PatientVisits,
    arms: _Arms,
    has_value: Mask,
    reason: pd.Series | None,
) -> tuple[VisitCounts, ...]:
    seen = visits.having(has_value)
    with_row = visits.having(np.ones_like(has_value))
    n = len(levels)
    # Position of the last visit seen; -1 for none.
    last = np.where(seen.any(axis=1), n - 1 - seen[:, ::-1].argmax(axis=1), -1)
    found = []
    for place, level in enumerate(levels):
        lost = last == place - 1
        found.append(
            VisitCounts(
                level,
                arms.count(with_row[:, place]),
                arms.count(seen[:, place]),
                arms.count(~seen[:, place] & (last > place)),
                arms.count(lost),
                () if reason is None else _told(reason, arms, lost),
            )
        )
    return tuple(found)


def _of_patients(
    frame: pd.DataFrame, visits: PatientVisits, column: str | None
) -> pd.Series | None:
    """A column's one value of each patient as text; missing where there is none."""
    if column is None:
        return None
    values = frame[column]
    kept = np.flatnonzero(values.notna().to_numpy() & (visits.patient >= 0))[::-1]
    made = np.full(len(visits.patients), None, dtype=object)
    made[visits.patient[kept]] = values.astype(str).to_numpy(dtype=object)[kept]
    return pd.Series(made)


def _told(values: pd.Series, arms: _Arms, patients: Mask) -> tuple[tuple[str, ByArm], ...]:
    """Some of the patients by a column's value and arm, the most frequent value first."""
    shown = values[patients].fillna(NO_REASON)
    counted = {
        value: arms.count(patients & (values.fillna(NO_REASON) == value).to_numpy(dtype=bool))
        for value in dict.fromkeys(shown)
    }
    return tuple(sorted(counted.items(), key=lambda item: (-sum(item[1]), item[0])))


def _at(model: ModelColumns, time: Factor, visits: PatientVisits) -> Mask:
    """The rows of the visits that a model uses: (rows,)."""
    if model.at is None:
        return np.ones(len(visits.visit), dtype=np.bool_)
    wanted = [place for place, level in enumerate(time.levels) if level in model.at]
    return np.isin(visits.visit, wanted)


def _model(
    model: ModelColumns,
    present: dict[str, Mask],
    of_set: Mask,
    at: Mask,
    visits: PatientVisits,
    arms: _Arms,
) -> ModelCounts:
    inside = of_set & at
    used = inside & np.logical_and.reduce([present[name] for name in model.columns])
    patients = visits.any_of(used)
    left = visits.any_of(of_set) & ~patients
    lacking = []
    explained = np.zeros_like(left)
    for name in model.columns if left.any() else ():
        # Who has no row at these visits lacks the first column, the outcome, and is not told again.
        told = explained & ~visits.any_of(inside)
        never = left & ~told & ~visits.any_of(inside & present[name])
        explained |= never
        if never.any():
            lacking.append((name, int(never.sum())))
    if (left & ~explained).any():
        lacking.append(("", int((left & ~explained).sum())))
    return ModelCounts(
        model.place,
        model.set,
        int(used.sum()),
        int(patients.sum()),
        arms.count(patients),
        tuple(arms.count(at) for at in visits.having(used).T),
        tuple(lacking),
    )


def _is_everybody(name: str, rule: str | PatientSet) -> bool:
    if " ".join(name.replace("_", " ").replace("-", " ").split()).casefold() in _ITT:
        return True
    return isinstance(rule, str) and parse_expression(rule) == Truth(True)
