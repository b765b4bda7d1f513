"""``Contrasts``: comparisons of means or slopes, tested and adjusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.means.functions import LinearFunctions
from harness.engines.port.means.table import inferred, joint_table, shown

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contrasts:
    """Contrasts of a model's means or slopes.

    Attributes:
        functions: the contrasts as linear functions of the coefficients.
        level: of the intervals of a family together.
        adjust: how p values and intervals of a family are adjusted.
        pairs_of: the number of means where a family is all their pairs, or 0.
    """

    functions: LinearFunctions
    level: float
    adjust: str
    pairs_of: int

    @property
    def L(self) -> Matrix:  # noqa: N802
        """(k, p) coefficients of the fit's fixed effects."""
        return self.functions.L

    def table(self, adjust: str | None = None, level: float | None = None) -> pd.DataFrame:
        """One row a contrast.

        Columns: what is compared; estimate, std_error, df, statistic, p_value, conf_low,
        conf_high; df_method, adjust, conf_adjust (of the intervals), p_error (standard error of a
        sampled p value), note (why a row is not estimated).

        Args:
            adjust: another adjustment than asked for at first.
            level: another level.
        """
        values = inferred(
            self.functions,
            self.adjust if adjust is None else adjust,
            self.level if level is None else level,
            self.pairs_of,
        )
        return pd.concat([self.functions.labels, values], axis=1)

    def joint(self) -> pd.DataFrame:
        """F tests that all contrasts of a family are zero together, one row a family."""
        return joint_table(self.functions)

    def __repr__(self) -> str:
        return shown(self.table()).to_string(index=False)

    def _repr_html_(self) -> str:
        return str(shown(self.table()).to_html(index=False))
