"""Rows by a level that a plan names: of a factor by its text, of a number by its value."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.data.cells import number


def at_levels(column: pd.Series, levels: Collection[str]) -> npt.NDArray[np.bool_]:
    """Whether each value (n,) is one of the levels; a missing one is none."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = [value for level in levels if (value := number(level)) is not None]
        return np.asarray(column.isin(values), dtype=np.bool_)
    return np.asarray(column.astype(object).isin(list(levels)), dtype=np.bool_)
