"""Rules on questionnaire scales: a total is what its items say, and scales go together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.gate.checks.judgement import Judgement, column_vector


def items_sum(
    frame: pd.DataFrame,
    column_list: Sequence[str],
    divisor: float = 1.0,
    tolerance: float = 0.01,
) -> Judgement:
    """The last column equals the sum of the others divided by ``divisor``.

    A total beside a missing item, and a missing total beside complete items, fail too: neither
    can have been scored from the items that are there. A row with nothing at all is not judged.

    Args:
        frame: the data.
        column_list: the items as they are scored (a reversed item by its reverse), then the total.
        divisor: the FIQR function domain, for one, is the sum of nine items divided by 3.
        tolerance: largest absolute difference, in points of the total.
    """
    expected = expected_total(frame, column_list, divisor)
    stated = frame[column_list[-1]].to_numpy(dtype=float, na_value=np.nan)
    judged = frame[list(column_list)].notna().any(axis=1).to_numpy()
    # The 1e-9 keeps a stated total that is off by the tolerance itself inside it.
    agrees = np.abs(expected - stated) <= tolerance + 1e-9
    unscored = np.isnan(expected) & np.isnan(stated)
    failed = judged & ~agrees & ~unscored
    return Judgement((column_list[-1],), column_vector(judged), column_vector(failed))


def expected_total(
    frame: pd.DataFrame, column_list: Sequence[str], divisor: float = 1.0
) -> npt.NDArray[np.float64]:
    """The total the items give, shape (rows,); NaN where an item is missing."""
    items = frame[list(column_list[:-1])].astype(float)
    total: npt.NDArray[np.float64] = items.sum(axis=1, skipna=False).to_numpy() / divisor
    return total


def correlation_between(
    frame: pd.DataFrame,
    column_list: Sequence[str],
    min_value: float = -1.0,
    max_value: float = 1.0,
) -> Judgement:
    """Pearson's correlation of two columns, over rows with both, lies within limits.

    A correlation that is none, of a column with one value or of fewer than three rows, is not
    within limits. No row is at fault, so none is marked failed.
    """
    left, right = (frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in column_list)
    both = ~(np.isnan(left) | np.isnan(right))
    x, y = left[both], right[both]
    varies = both.sum() > 2 and np.ptp(x) > 0 and np.ptp(y) > 0
    r = float(np.corrcoef(x, y)[0, 1]) if varies else math.nan
    detail = f"r {r:.2f} over {int(both.sum())} rows, allowed {min_value:g} to {max_value:g}"
    return Judgement(
        ("; ".join(column_list),),
        column_vector(both),
        column_vector(np.zeros(len(frame), dtype=bool)),
        detail,
        holds=min_value <= r <= max_value,
    )
