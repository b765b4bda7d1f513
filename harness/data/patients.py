"""Patients and their visits: who has a value when, and what must be the same at all visits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.names import unknown_column
from harness.errors import FormulaError
from harness.language import evaluate, parse_expression
from harness.plan.document import Path_
from harness.plan.schema import Factor, Plan

Report = Callable[[Path_, str], None]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PatientVisits:
    """The rows of a frame by patient and visit.

    Attributes:
        patients: (p,) the patients, in the order of their first rows.
        patient: (rows,) position of each row's patient; -1 where the row names none.
        visit: (rows,) position of each row's visit among the levels of time; -1 for none of them.
        n_visits: number of visits planned.
    """

    patients: pd.Index
    patient: npt.NDArray[np.intp]
    visit: npt.NDArray[np.intp]
    n_visits: int

    def having(self, rows: Mask) -> Mask:
        """Which patients have one of some rows at which visit: (p, visits)."""
        table = np.zeros((len(self.patients), self.n_visits), dtype=np.bool_)
        at = rows & (self.patient >= 0) & (self.visit >= 0)
        table[self.patient[at], self.visit[at]] = True
        return table

    def any_of(self, rows: Mask) -> Mask:
        """Which patients have one of some rows at all: (p,)."""
        found = np.zeros(len(self.patients), dtype=np.bool_)
        found[self.patient[rows & (self.patient >= 0)]] = True
        return found

    def rows_of(self, patients: Mask) -> Mask:
        """The rows of some of the patients: (rows,)."""
        padded = np.append(patients, False)  # what -1 takes
        return np.asarray(padded[self.patient], dtype=np.bool_)


def patient_visits(frame: pd.DataFrame, id_column: str, time: Factor) -> PatientVisits:
    """The rows of a frame by patient and visit.

    Args:
        frame: typed data; time is a factor, or a number at which its levels are.
        id_column: who the patient is.
        time: column and levels of time.
    """
    codes, patients = pd.factorize(frame[id_column])
    column = frame[time.column]
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        at = [values == float(level) for level in time.levels]
    else:
        words = column.astype(object).to_numpy()
        at = [np.asarray(words == level, dtype=np.bool_) for level in time.levels]
    visit = np.full(len(frame), -1, dtype=np.intp)
    for place, rows in enumerate(at):
        visit[rows] = place
    return PatientVisits(
        pd.Index(patients), np.asarray(codes, dtype=np.intp), visit, len(time.levels)
    )


def at_odds(values: pd.Series, ids: pd.Series) -> tuple[object, ...]:
    """The ids that have two different known values, in the order of their first rows."""
    patient, patients = pd.factorize(ids)
    value, _ = pd.factorize(values)
    known = (patient >= 0) & (value >= 0)
    pairs = np.unique(np.stack([patient[known], value[known]]), axis=1)
    several = np.bincount(pairs[0], minlength=len(patients)) > 1
    return tuple(patient for patient, odd in zip(patients, several, strict=True) if odd)


def check_patients(
    plan: Plan, frame: pd.DataFrame, broken: Collection[str], report: Report
) -> None:
    """Report what keeps sets of patients and the flow of patients from being counted.

    Args:
        plan: right in shape.
        frame: the data with the derived columns that can be computed.
        broken: columns known to be wrong; what uses them is not reported again.
        report: takes the problems.
    """
    ids = frame[plan.data.id] if plan.data.id in frame.columns else None

    def known(columns: Sequence[str], where: Path_) -> None:
        for place, name in enumerate(columns):
            if name not in broken and name not in frame.columns:
                report((*where, place), unknown_column(name, frame.columns))

    for name, rule in plan.sets.items():
        if isinstance(rule, str):
            continue
        known(rule.complete, ("sets", name, "complete"))
        known(rule.observed_after_baseline, ("sets", name, "observed_after_baseline"))
        if ids is not None and rule.where is not None:
            try:
                condition = evaluate(parse_expression(rule.where), frame)
            except FormulaError:
                continue  # reported with the other expressions
            odd = at_odds(condition, ids)
            if odd:
                who = _named(odd, plan.data.id)
                said = f"holds in some rows of {who} and not in others; ask it of the patient"
                report(("sets", name, "where"), said)
    if plan.flow is None:
        return
    known(plan.flow.seen or (), ("flow", "seen"))
    for part in ("disposition", "reason"):
        column = getattr(plan.flow, part)
        if column is None or column in broken:
            continue
        if column not in frame.columns:
            report(("flow", part), unknown_column(column, frame.columns))
        elif ids is not None and (odd := at_odds(frame[column], ids)):
            who = _named(odd, plan.data.id)
            report(("flow", part), f"`{column}` has several values in {who}; a patient has one")


def _named(odd: Sequence[object], id_column: str) -> str:
    return f"{id_column} {odd[0]}" + (f" and {len(odd) - 1} more" if len(odd) > 1 else "")
