"""The rows a fit was made of, in the basis of its sums: times the roots of the prior weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from harness.engines.port.groups import standardise_columns
from harness.engines.port.surface import Surface
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def rows_of_x(design: Design, at: Surface) -> Matrix:
    """X of the rows used in the basis W of the sums (n, p)."""
    Q, p = design.factor.Q, at.data.p
    if Q is not None and at.data.F is design.factor.R:
        return Q[:, :p]
    return in_basis(at, design.XY[:, :p])


def in_basis(at: Surface, X: Matrix) -> Matrix:
    """Rows of the fixed effects' model matrix (k, p) in the basis W of the sums."""
    p = at.data.p
    F = at.data.F[:p, :p]
    return np.ascontiguousarray(solve_triangular(F, X.T, trans="T").T) if p else X


def rows_of_z(design: Design) -> Matrix:
    """Random-effects columns ``Z~`` (n, q) of the rows used, all terms side by side."""
    return np.column_stack(standardise_columns(design.working_random)[0])
