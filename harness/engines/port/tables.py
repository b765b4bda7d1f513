"""Results as data frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.wald import WaldTable
from harness.models.coding import level_text
from harness.models.design import Design
from harness.models.record import FIXED_QUANTITIES


def coefficient_frame(names: tuple[str, ...], table: WaldTable) -> pd.DataFrame:
    """One row a coefficient, columns as contract and R's tidy tables name them."""
    columns = [getattr(table, quantity) for quantity in FIXED_QUANTITIES]
    frame = pd.DataFrame(np.column_stack(columns), columns=list(FIXED_QUANTITIES))
    frame.insert(0, "term", list(names))
    return frame


def ranef_frame(design: Design, group: str, modes: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Conditional modes (G, q) of one grouping factor under the names of groups and effects."""
    grouping = next(g for g in design.groupings if g.label == group)
    names = [name for term in design.random if term.group == group for name in term.names]
    index = pd.Index([level_text(level) for level in grouping.levels], name=grouping.label)
    return pd.DataFrame(modes, index=index, columns=names)
