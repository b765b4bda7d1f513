"""Draws from the posterior of a linear regression, many regressions at once.

With the prior ``p(beta, log sigma)`` constant and n rows, p columns (Rubin 1987, p. 167; Schafer
1997, Analysis of Incomplete Multivariate Data, eq. 5.21)

    sigma*^2 = RSS / chi^2(n - p),   beta* ~ N(beta-hat, sigma*^2 (D'D)^-1).

Drawing both is what makes imputations proper: without it they vary less than what is not known.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

DEPENDENT = 1e-9
"""Share of a column's length that must be left beside the columns before it."""


def posterior_draws(
    D: Matrix, y: Matrix, rng: np.random.Generator, of_what: str
) -> tuple[Matrix, Vector]:
    """One draw a regression.

    Args:
        D: (m, n, p) predictors of m regressions.
        y: (m, n) or (n,) responses.
        rng: of the draws.
        of_what: the regression's name, for errors.

    Returns:
        ``beta`` (m, p) and ``sigma`` (m,).

    Raises:
        ModelError: no more rows than columns, or linearly dependent columns.
    """
    m, n, p = D.shape
    if n <= p:
        raise ModelError(
            f"{of_what}: {n} patients seen for {p} coefficients; leave out covariates, or impute "
            "with by_arm=False"
        )
    Q, R = np.linalg.qr(D)
    diagonal = np.abs(np.einsum("mjj->mj", R))
    if (diagonal <= DEPENDENT * np.linalg.norm(D, axis=1)).any():
        raise ModelError(f"{of_what}: its predictors are linearly dependent; leave out covariates")
    y = np.broadcast_to(y, (m, n))
    along = np.einsum("mnp,mn->mp", Q, y)
    rest = y - np.einsum("mnp,mp->mn", Q, along)
    sigma = np.sqrt(np.einsum("mn,mn->m", rest, rest) / rng.chisquare(n - p, size=m))
    turned = along + sigma[:, None] * rng.standard_normal((m, p))
    return np.linalg.solve(R, turned[:, :, None])[:, :, 0], sigma
