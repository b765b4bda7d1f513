"""Which coefficients some of the rows do not determine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.models.design import Design
from harness.models.orthogonal import RANK_TOLERANCE


def undetermined_coefficients(
    design: Design, rest: Design, keep: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Coefficients (p,) of a design that change along a direction in which the rest does not.

    A column dropped from the rest is a combination of those kept, ``x_j = X a``; the coefficients
    can then move along (a, -1) and the rest would not notice. A coefficient with a zero there is
    the same whichever column is dropped.

    Args:
        design: of all rows.
        rest: of the rows kept, with fewer columns.
        keep: (n,) the rows.
    """
    X = design.X[keep]
    kept = [j for j, name in enumerate(design.names) if name in rest.names]
    lost = np.array([name not in rest.names for name in design.names])
    scale = np.sqrt((X * X).sum(axis=0))
    scale[scale == 0.0] = 1.0
    unit = X / scale
    for j in np.flatnonzero(lost).tolist():
        a = np.linalg.lstsq(unit[:, kept], unit[:, j], rcond=None)[0]
        lost[kept] |= np.abs(a) > RANK_TOLERANCE
    return lost
