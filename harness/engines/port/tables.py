"""Results as data frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.wald import WaldTable
from harness.models.coding import level_text
from harness.models.design import Design


def coefficient_frame(names: tuple[str, ...], table: WaldTable) -> pd.DataFrame:
    """One row a coefficient, columns as contract and R's tidy tables name them."""
    return pd.DataFrame(
        {
            "term": list(names),
            "estimate": table.estimate,
            "std_error": table.std_error,
            "df": table.df,
            "statistic": table.statistic,
            "p_value": table.p_value,
            "conf_low": table.conf_low,
            "conf_high": table.conf_high,
        }
    )


def ranef_frame(design: Design, modes: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Conditional modes (G, q) under the names of groups and effects."""
    grouping = design.groupings[0]
    names = [name for term in design.random for name in term.names]
    index = pd.Index([level_text(level) for level in grouping.levels], name=grouping.label)
    return pd.DataFrame(modes, index=index, columns=names)
