"""The last value carried forward: only to see what an old analysis did.

It takes a lost patient to have stayed as last seen, and a value made up to be as good as one
measured: biased in either direction, and too sure (Molenberghs et al. 2004, Biostatistics 5,
445-464; National Research Council 2010, The Prevention and Treatment of Missing Data in Clinical
Trials). Nothing uses it unless it is asked for by name, and what it gives carries that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.engines.port.imputation.wide import to_wide

if TYPE_CHECKING:
    import pandas as pd

LABEL = "LOCF (audit only: last value carried forward, single imputation)"


@dataclass(frozen=True, slots=True, eq=False)
class CarriedForward:
    """A trial with the last value seen in place of those missing after it.

    Attributes:
        frame: long data, one row a patient and visit; without the rows before a first value.
        carried: number of values carried forward.
        never: number of rows left out, because nothing was seen before them.
        method: the label that every table carries.
    """

    frame: pd.DataFrame
    carried: int
    never: int
    method: str = LABEL

    def __repr__(self) -> str:
        return f"<CarriedForward: {self.carried} values; {self.method}>"

    def fit(self, formula: str) -> pd.DataFrame:
        """A model's coefficients, with ``method`` in every row.

        Raises:
            HarnessError: a model that cannot be fitted.
        """
        from harness.engines.port.api import lm, lmer
        from harness.language import parse_formula

        mixed = parse_formula(formula).random
        table = (lmer if mixed else lm)(formula, self.frame).summary()
        table.insert(0, "method", self.method)
        return table


def carry_forward(
    data: pd.DataFrame,
    outcome: str,
    *,
    id: str,
    time: str,
    arm: str,
    visits: Sequence[object] | None = None,
) -> CarriedForward:
    """Put the last value seen in place of those missing after it.

    Args:
        data: one row a patient and visit, or none.
        outcome: column to complete.
        id: column of the patients.
        time: column of the visits.
        arm: column of the arms.
        visits: levels of the time column to keep afterwards; all by default.

    Raises:
        DataError: as :func:`harness.impute`.
    """
    wide = to_wide(data, outcome, id=id, time=time, arm=arm, covariates=())
    V = len(wide.visits)
    last = np.maximum.accumulate(np.where(wide.missing, -1, np.arange(V)), axis=1)
    filled = np.where(last >= 0, np.take_along_axis(wide.Y, np.maximum(last, 0), axis=1), np.nan)
    at = wide.visit_numbers(visits)
    rows = (np.arange(len(filled))[:, None] * V + at).ravel()
    values = filled[:, at].ravel()
    frame = wide.frame.iloc[rows].assign(**{outcome: values})
    there = ~np.isnan(values)
    carried = int((wide.missing[:, at].ravel() & there).sum())
    return CarriedForward(frame[there].reset_index(drop=True), carried, int((~there).sum()))
