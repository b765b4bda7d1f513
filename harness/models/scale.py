"""The outcome on another scale: what an analysis is repeated with to see what hangs on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Vector = npt.NDArray[np.float64]
Scale = Literal["log", "rank", "winsor"]


@dataclass(frozen=True, slots=True)
class Scaled:
    """An outcome on a scale of its own, computed over the rows of one analysis set.

    Attributes:
        scale: ``log``, natural; ``rank``, from 1, ties averaged (Conover & Iman 1981, Am. Stat. 35,
            124-129); ``winsor``, values beyond a quantile of their visit set to it.
        outcome: column of its values.
        visit: column of the visits, for ``winsor``.
        share: of the values beyond each of the two quantiles, for ``winsor``.
    """

    scale: Scale
    outcome: str
    visit: str = ""
    share: float = 0.05

    @property
    def column(self) -> str:
        """The name of the derived column: one that formulas need not quote."""
        return f"{self.scale}.{self.outcome}"

    @property
    def label(self) -> str:
        """What the diff table calls the outcome."""
        return f"{self.scale}({self.outcome})"

    @property
    def words(self) -> str:
        """What the numbers are, for a report."""
        percent = f"{100.0 * self.share:g}"
        words = {
            "log": "its natural logarithm: an effect of b is a factor of exp(b)",
            "rank": "its ranks over all rows of the set, ties averaged (Conover and Iman 1981); "
            "effects are in ranks",
            "winsor": f"values beyond the {percent} % quantiles of their {self.visit} in the set "
            "set to these",
        }
        return f"{self.label}: {words[self.scale]}; everything else in the model as it was"


def with_scale(rows: pd.DataFrame, scaled: Scaled | None) -> pd.DataFrame:
    """The rows of a set with the outcome on the scale besides; the rows themselves without one.

    Raises:
        DataError: a logarithm of a value that is not positive.
    """
    if scaled is None:
        return rows
    values = rows[scaled.outcome].to_numpy(dtype=np.float64, na_value=np.nan)
    if scaled.scale == "log":
        found = logged(values, scaled.outcome)
    elif scaled.scale == "rank":
        found = ranked(values)
    else:
        found = winsorised(values, rows[scaled.visit].to_numpy(), scaled.share)
    return rows.assign(**{scaled.column: found})


def logged(values: Vector, name: str) -> Vector:
    """(n,) natural logarithms; NaN stays.

    Raises:
        DataError: a value that is not positive.
    """
    if (bad := not_positive(values)) is not None:
        raise DataError(f"`{name}` has the value {bad:g}, which has no logarithm")
    return np.asarray(np.log(values))


def not_positive(values: Vector) -> float | None:
    """The smallest value if it has no logarithm; None where all have."""
    known = values[~np.isnan(values)]
    return float(known.min()) if len(known) and known.min() <= 0.0 else None


def ranked(values: Vector) -> Vector:
    """(n,) ranks from 1 of what is not NaN, those of equal values averaged; NaN stays."""
    from scipy.stats import rankdata

    found = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    found[known] = rankdata(values[known])
    return found


def winsorised(values: Vector, groups: npt.NDArray[np.generic], share: float) -> Vector:
    """(n,) values beyond their group's quantiles ``share`` and ``1 - share`` set to these.

    Quantiles between order statistics are R's type 7. NaN stays, and so does what has no group.

    Args:
        values: (n,).
        groups: (n,) labels.
        share: in each tail, between 0 and 1/2.
    """
    import pandas as pd

    found = values.copy()
    codes = pd.factorize(groups)[0]
    for code in range(int(codes.max(initial=-1)) + 1):
        own = (codes == code) & ~np.isnan(values)
        if own.any():
            low, high = np.quantile(values[own], (share, 1.0 - share))
            found[own] = np.clip(values[own], low, high)
    return found
