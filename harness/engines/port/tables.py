"""Results as data frames."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.wald import WaldTable
from harness.models.design import Design
from harness.models.record import FIXED_QUANTITIES
from harness.models.variables import level_text

_QUANTITIES = pd.Index(FIXED_QUANTITIES)


@lru_cache(maxsize=256)
def _terms(names: tuple[str, ...]) -> Any:
    """The terms as pandas stores text: made once, copied into every table."""
    return pd.Series(list(names)).array


def coefficient_frame(names: tuple[str, ...], table: WaldTable) -> pd.DataFrame:
    """One row a coefficient, columns as contract and R's tidy tables name them."""
    columns = np.empty((len(_QUANTITIES), len(names)))
    for k, quantity in enumerate(FIXED_QUANTITIES):
        columns[k] = getattr(table, quantity)
    frame = pd.DataFrame(columns.T, columns=_QUANTITIES)
    frame.insert(0, "term", _terms(names))
    return frame


def ranef_frame(
    design: Design,
    group: str,
    modes: npt.NDArray[np.float64],
    covariance: npt.NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Conditional modes (G, q) of one grouping factor under the names of groups and effects.

    Args:
        design: the model.
        group: label of the factor.
        modes: (G, q).
        covariance: (G, q, q) conditional covariances: adds the columns ``sd(effect)``.
    """
    grouping = next(g for g in design.groupings if g.label == group)
    names = [name for term in design.random if term.group == group for name in term.names]
    index = pd.Index([level_text(level) for level in grouping.levels], name=grouping.label)
    columns = modes
    if covariance is not None:
        columns = np.column_stack([modes, np.sqrt(np.einsum("gaa->ga", covariance))])
        names = names + [f"sd({name})" for name in names]
    return pd.DataFrame(columns, index=index, columns=names)
