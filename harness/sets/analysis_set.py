"""Analysis sets: which rows an analysis uses, by a condition over the columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import DataError, FormulaError
from harness.language import evaluate, parse_expression
from harness.plan.schema import Plan


@dataclass(frozen=True, slots=True)
class AnalysisSet:
    """One analysis set on one frame.

    Attributes:
        name: as in the plan.
        expression: its condition as in the plan.
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
        plan: names and conditions, and the column that identifies the patient.
        frame: the data with derived columns.

    Raises:
        DataError: a condition that does not fit the frame, or a set without rows.
    """
    return {name: analysis_set(name, text, frame, plan.data.id) for name, text in plan.sets.items()}


def analysis_set(name: str, expression: str, frame: pd.DataFrame, id_column: str) -> AnalysisSet:
    """Evaluate one condition.

    Raises:
        DataError: it does not fit the frame, or no row satisfies it.
    """
    value = row_mask(name, expression, frame)
    mask = value.fillna(False).to_numpy(dtype=bool)
    undecided = int(value.isna().sum())
    if not mask.any():
        also = f"; for {undecided} rows it is missing" if undecided else ""
        raise DataError(f"analysis set `{name}` is empty: `{expression}` holds for no row{also}")
    ids = frame[id_column][mask]
    return AnalysisSet(
        name=name,
        expression=expression,
        mask=mask,
        n_rows=int(mask.sum()),
        n_ids=int(ids.nunique()),
        undecided=undecided,
    )


def row_mask(name: str, expression: str, frame: pd.DataFrame) -> pd.Series:
    """A condition by row: true, false, or missing where a column it needs is.

    Raises:
        DataError: it does not fit the frame, or is no condition.
    """
    try:
        value = evaluate(parse_expression(expression), frame)
    except FormulaError as error:
        raise DataError(f"analysis set `{name}`: {error}") from error
    if value.dtype != "boolean":
        raise DataError(f"analysis set `{name}`: `{expression}` is not a condition")
    return value
