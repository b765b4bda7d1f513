"""HC3: standard errors of least squares where rows may have variances of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr, solve_triangular

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

ALONE = 1e-8
"""Below this, one less a row's leverage: the row alone decides its fitted value."""


def hc3_errors(X: Matrix, y: Vector) -> Vector:
    """(p,) standard errors of least squares, each squared residual over ``(1 - leverage)^2``.

    ``Var(b) = M sum_i [e_i / (1 - h_i)]^2 x_i x_i' M`` with ``M = (X'X)^-1``: HC3 of MacKinnon &
    White (1985), J. Econometrics 29, 305-325, as Long & Ervin (2000), Am. Stat. 54, 217-224,
    recommend it.

    Args:
        X: (n, p) of full rank, rows times the roots of prior weights.
        y: (n,) response, likewise.

    Raises:
        ModelError: a row alone decides its own fitted value, so that nothing is known of its error.
    """
    Q, R = qr(X, mode="economic", check_finite=False)
    left = 1.0 - (Q * Q).sum(axis=1)
    if (left < ALONE).any():
        row = int(np.argmin(left)) + 1
        raise ModelError(f"a row has leverage 1 (row {row} of those used): HC3 divides by zero")
    errors = (y - Q @ (Q.T @ y)) / left
    half = solve_triangular(R, (Q * errors[:, None]).T)
    return np.asarray(np.sqrt((half * half).sum(axis=1)))
