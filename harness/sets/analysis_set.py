"""Analysis sets: which rows an analysis uses, by a condition over columns or patients' visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.patients import patient_visits
from harness.errors import DataError, FormulaError
from harness.language import evaluate, parse_expression
from harness.plan.schema import Factor, Plan
from harness.plan.sections.patients import PatientSet, set_text


@dataclass(frozen=True, slots=True)
class AnalysisSet:
    """One analysis set on one frame.

    Attributes:
        name: as in the plan.
        expression: its condition as in the plan; of a set of patients, in words.
        mask: boolean, shape (rows,), true where the condition holds.
        n_rows: rows in the set.
        n_ids: patients with at least one row in it.
        undecided: rows where the condition is missing; they are not in the set.
    """

    name: str
    expression: str
    mask: npt.NDArray[np.bool_]
    n_rows: int
    n_ids: int
    undecided: int


def analysis_sets(plan: Plan, frame: pd.DataFrame) -> dict[str, AnalysisSet]:
    """Every analysis set of a plan, in plan order.

    Args:
        plan: names and conditions, and the columns of patient and time.
        frame: the data with derived columns.

    Raises:
        DataError: a condition that does not fit the frame, or a set without rows.
    """
    return {
        name: analysis_set(name, rule, frame, plan.data.id, plan.data.time)
        for name, rule in plan.sets.items()
    }


def analysis_set(
    name: str, rule: str | PatientSet, frame: pd.DataFrame, id_column: str, time: Factor
) -> AnalysisSet:
    """Evaluate one set.

    Raises:
        DataError: it does not fit the frame, or no row satisfies it.
    """
    value = row_mask(name, rule, frame, id_column, time)
    mask = value.fillna(False).to_numpy(dtype=bool)
    undecided = int(value.isna().sum())
    if not mask.any():
        also = f"; for {undecided} rows it is missing" if undecided else ""
        raise DataError(f"analysis set `{name}` is empty: {emptiness(rule)}{also}")
    ids = frame[id_column][mask]
    return AnalysisSet(
        name=name,
        expression=set_text(rule),
        mask=mask,
        n_rows=int(mask.sum()),
        n_ids=int(ids.nunique()),
        undecided=undecided,
    )


def emptiness(rule: str | PatientSet) -> str:
    """What is said of a set that selects nothing."""
    if isinstance(rule, str):
        return f"`{rule}` holds for no row"
    return f"there are no {rule.text}"


def row_mask(
    name: str, rule: str | PatientSet, frame: pd.DataFrame, id_column: str, time: Factor
) -> pd.Series:
    """A set by row: true, false, or missing where a column its condition needs is.

    A set of patients has all rows of a patient or none; rows without a patient are in none.

    Raises:
        DataError: it does not fit the frame, or is no condition.
    """
    if isinstance(rule, str):
        return _condition(name, rule, frame)
    visits = patient_visits(frame, id_column, time)
    inside = np.ones(len(visits.patients), dtype=np.bool_)
    for column in rule.complete:
        inside &= visits.having(frame[column].notna().to_numpy()).all(axis=1)
    for column in rule.observed_after_baseline:
        inside &= visits.having(frame[column].notna().to_numpy())[:, 1:].any(axis=1)
    unknown = np.zeros_like(inside)
    if rule.where is not None:
        condition = _condition(name, rule.where, frame)
        true = visits.any_of(condition.fillna(False).to_numpy(dtype=bool))
        false = visits.any_of(~condition.fillna(True).to_numpy(dtype=bool))
        if (true & false).any():
            who = visits.patients[true & false][0]
            raise DataError(
                f"analysis set `{name}`: `{rule.where}` holds in some rows of {id_column} {who} "
                "and not in others; ask it of the patient"
            )
        unknown = inside & ~true & ~false
        inside &= true
    mask = pd.array(visits.rows_of(inside), dtype="boolean")
    mask[visits.rows_of(unknown)] = pd.NA
    return pd.Series(mask, index=frame.index)


def _condition(name: str, expression: str, frame: pd.DataFrame) -> pd.Series:
    try:
        value = evaluate(parse_expression(expression), frame)
    except FormulaError as error:
        raise DataError(f"analysis set `{name}`: {error}") from error
    if value.dtype != "boolean":
        raise DataError(f"analysis set `{name}`: `{expression}` is not a condition")
    return value
