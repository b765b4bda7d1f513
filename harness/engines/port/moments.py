"""Where the search begins with several grouping factors: moment estimates of the variances.

For every random-effects column k with its own groups, ``q_k = sum_g (z_kg'e)^2 / z_kg'z_kg`` of the
response's residual e is linear, in expectation, in all variance components and sigma^2 (Henderson's
method with weights 1 / n_g, Searle, Casella & McCulloch 1992, *Variance Components*, chapter 5).
Solving these equations together with that of ``e'e`` ignores that e has lost p degrees of freedom
and all covariances of slopes: good enough to begin with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.factors import Factor, FactorSums

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

LEAST = 0.004
"""Smallest relative variance to begin with: at zero itself the criterion is stationary."""


def moment_theta(data: FactorSums) -> Vector:
    """Theta (t,) from moment estimates: diagonal, in the standardised basis."""
    q = data.structure.q
    e = data.W[:, -1]
    owners: list[Factor] = [f for k in range(q) for f in data.factors if k in f.members]
    squares = [_sums(f, data.Z[k] ** 2) for k, f in enumerate(owners)]
    inverse = [np.divide(1.0, s, out=np.zeros_like(s), where=s > 0.0) for s in squares]
    expected = np.empty((q + 1, q + 1))
    seen = np.empty(q + 1)
    expected[q, q] = data.n_obs
    seen[q] = float(e @ e)
    for k in range(q):
        seen[k] = float((_sums(owners[k], data.Z[k] * e) ** 2) @ inverse[k])
        expected[k, q] = float((squares[k] > 0.0).sum())
        expected[q, k] = float(squares[k].sum())
        for j in range(k + 1):
            by_k, by_j = _squared_cells(owners[k], owners[j], data.Z[k] * data.Z[j])
            expected[k, j] = float(inverse[k] @ by_k)
            expected[j, k] = float(inverse[j] @ by_j)
    variances = np.linalg.lstsq(expected, seen, rcond=None)[0]
    sigma = max(float(variances[q]), 1e-3 * float(seen[q]) / data.n_obs)
    relative = np.maximum(variances[:q] / sigma, LEAST)
    return data.structure.theta(np.diag(np.sqrt(relative)))


def _sums(f: Factor, values: Vector) -> Vector:
    return np.bincount(f.codes, weights=values, minlength=f.groups)


def _squared_cells(f: Factor, g: Factor, products: Vector) -> tuple[Vector, Vector]:
    """Squared sums of products over the cells of two factors, summed by rows and by columns."""
    from scipy.sparse import csr_matrix

    if f is g:
        squares = _sums(f, products) ** 2
        return squares, squares
    cells = csr_matrix((products, (f.codes, g.codes)), shape=(f.groups, g.groups))
    cells.sum_duplicates()
    cells.data **= 2
    return np.asarray(cells.sum(axis=1)).ravel(), np.asarray(cells.sum(axis=0)).ravel()
