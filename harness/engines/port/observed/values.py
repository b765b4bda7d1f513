"""The trial's values as a table: a row a patient, a column a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ModelError
from harness.models.variables import level_text

if TYPE_CHECKING:
    from harness.models.besides import DesignColumn
    from harness.models.observed import Observed

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PatientValues:
    """Who has which value.

    Attributes:
        arms: (patients,) position of each patient's arm; -1 for one that is in none.
        values: (patients, times) NaN where there is no value.
    """

    arms: npt.NDArray[np.intp]
    values: Vector

    def of(self, arm: int) -> Vector:
        """(n, times) the values of an arm's patients."""
        return np.asarray(self.values[self.arms == arm])


def patient_values(rows: pd.DataFrame, y: Vector, observed: Observed) -> PatientValues:
    """Sort values in long form by patient and time.

    Args:
        rows: (n,) rows with the trial's columns; those without a patient are left out, and times
            that are no level of the plan count for nothing but that the patient is there.
        y: (n,) the value of each row, NaN where it is missing.
        observed: names the columns.

    Raises:
        ModelError: a patient in two arms, or with two rows at one time.
    """
    patient, _ = pd.factorize(rows[observed.patient].to_numpy(), use_na_sentinel=True)
    arm, time = (positions(rows[c.column], c) for c in (observed.arm, observed.time))
    known = patient >= 0
    patient, arm, time, y = patient[known], arm[known], time[known], y[known]
    count = int(patient.max(initial=-1)) + 1
    arms = np.full(count, -1, dtype=np.intp)
    placed = arm >= 0
    arms[patient[placed]] = arm[placed]
    if (arms[patient[placed]] != arm[placed]).any():
        raise ModelError(f"a patient (`{observed.patient}`) is in two arms")
    at = time >= 0
    cells = patient[at] * len(observed.time.levels) + time[at]
    if len(np.unique(cells)) < len(cells):
        raise ModelError(
            f"a patient (`{observed.patient}`) has two rows at one time "
            f"(`{observed.time.column}`); which is meant is not said"
        )
    values = np.full((count, len(observed.time.levels)), np.nan)
    values[patient[at], time[at]] = y[at]
    return PatientValues(arms, values)


def positions(column: pd.Series, design: DesignColumn) -> npt.NDArray[np.intp]:
    """(n,) position of each row's level; -1 where it is missing or no level of the plan."""
    if design.numbers is not None and pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        found = np.full(len(column), -1, dtype=np.intp)
        for place, value in enumerate(design.numbers):
            found[numbers == value] = place
        return found
    place_of = {level: place for place, level in enumerate(design.levels)}
    return np.array(
        [-1 if pd.isna(v) else place_of.get(level_text(v), -1) for v in column], dtype=np.intp
    )
