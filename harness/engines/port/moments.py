"""Where the search begins with several grouping factors: moment estimates of the variances.

For every random-effects column k with its own groups, ``q_k = sum_g (z_kg'e)^2 / z_kg'z_kg`` of the
response's least-squares residual e is linear, in expectation, in all variance components and
sigma^2; so is ``e'e``. Equating them to what is seen gives unbiased estimates (Henderson's idea;
Searle, Casella & McCulloch 1992, *Variance Components*, chapter 5). Covariances of the effects of
one term are left out: good enough to begin with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.factors import Factor, FactorSums

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

SMALL = 20_000
"""Cells of two factors up to which their sums are held in full."""

LEAST = 0.004
"""Smallest relative variance to begin with: at zero itself the criterion is stationary."""


def moment_theta(data: FactorSums) -> Vector:
    """Theta (t,) from moment estimates: diagonal, in the standardised basis.

    Args:
        data: sums whose basis W is orthonormal, X first.
    """
    q, p = data.structure.q, data.p
    e = data.W[:, p]
    owners = [next(f for f in data.factors if k in f.members) for k in range(q)]
    squares = [_sums(f, z * z) for f, z in zip(owners, data.Z, strict=True)]
    weights = [np.divide(1.0, s, out=np.zeros_like(s), where=s > 0.0) for s in squares]
    # What X explains of each column of Z, in the orthonormal basis of X.
    with_X = [
        np.column_stack([np.zeros(f.groups), *(_sums(f, z * data.W[:, j]) for j in range(p))])
        for f, z in zip(owners, data.Z, strict=True)
    ]
    expected = np.empty((q + 1, q + 1))
    seen = np.empty(q + 1)
    expected[q, q] = data.n_obs - p
    seen[q] = float(e @ e)
    for k in range(q):
        left = squares[k] - (with_X[k] ** 2).sum(axis=1)
        seen[k] = float(_sums(owners[k], data.Z[k] * e) ** 2 @ weights[k])
        expected[k, q] = float(left @ weights[k])
        expected[q, k] = float(left.sum())
        for j in range(k + 1):
            cells = _cells(owners[k], owners[j], data.Z[k] * data.Z[j])
            expected[k, j] = _expectation(cells, weights[k], with_X[k], with_X[j])
            expected[j, k] = _expectation(cells.T, weights[j], with_X[j], with_X[k])
    variances = np.linalg.lstsq(expected, seen)[0]
    sigma = max(float(variances[q]), 1e-3 * float(seen[q]) / data.n_obs)
    relative = np.maximum(variances[:q] / sigma, LEAST)
    return data.structure.theta(np.diag(np.sqrt(relative)))


def _sums(f: Factor, values: Vector) -> Vector:
    """Sums of values over the groups of a factor."""
    sums: Vector = np.bincount(f.codes, weights=values, minlength=f.groups).astype(np.float64)
    return sums


def _cells(f: Factor, g: Factor, products: Vector) -> Any:
    """Sums of products over the cells of two factors (G_f, G_g), CSR unless small."""
    if f.groups * g.groups <= SMALL:
        place = f.codes.astype(np.intp) * g.groups + g.codes
        sums = np.bincount(place, weights=products, minlength=f.groups * g.groups)
        return sums.reshape(f.groups, g.groups)

    from scipy.sparse import csr_matrix

    cells = csr_matrix((products, (f.codes, g.codes)), shape=(f.groups, g.groups))
    cells.sum_duplicates()
    return cells


def _expectation(cells: Any, weights: Vector, own: Matrix, other: Matrix) -> float:
    """Squared norm of ``D^-1/2 (Z_k'Z_j - Z_k'X X'Z_j)`` with ``D^-1`` the weights."""
    weighed = weights[:, None] * own
    squares = cells * cells if isinstance(cells, np.ndarray) else cells.power(2)
    plain = float(weights @ np.asarray(squares.sum(axis=1)).ravel())
    crossed = float(((cells.T @ weighed) * other).sum())
    return plain - 2.0 * crossed + float(((own.T @ weighed) * (other.T @ other)).sum())
