"""CR2 and HC3 against the papers' formulas written out densely, closed forms and statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.linalg import block_diag

from harness.engines.port.robust.cr2 import Cluster, cr2_errors
from harness.engines.port.robust.hc3 import hc3_errors
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
SIZES = (1, 3, 2, 5, 4, 3, 1, 4)


def data(seed: int = 1) -> tuple[Matrix, Matrix, list[npt.NDArray[np.intp]], list[Matrix]]:
    """X with a column by cluster, y, rows of clusters in no order, and their covariances."""
    rng = np.random.default_rng(seed)
    n = sum(SIZES)
    rows = np.split(rng.permutation(n), np.cumsum(SIZES)[:-1])
    X = np.column_stack([np.ones(n), rng.normal(size=n), np.zeros(n)])
    for k in (1, 3, 5):
        X[rows[k], 2] = 1.0
    parts = []
    for size in SIZES:
        half = rng.normal(size=(size, size))
        parts.append(half @ half.T + np.eye(size))
    return X, rng.normal(size=n), rows, parts


def dense(X: Matrix, y: Matrix, rows: list[Any], parts: list[Matrix]) -> tuple[Matrix, Matrix]:
    """As Pustejovsky and Tipton write it, with (n, n) matrices and eigenvectors."""
    n = len(X)
    order = np.concatenate(rows)
    Phi = np.empty((n, n))
    Phi[np.ix_(order, order)] = block_diag(*parts)
    W = np.linalg.inv(Phi)
    M = np.linalg.inv(X.T @ W @ X)
    left = np.eye(n) - X @ M @ X.T @ W
    g = []
    for own, V in zip(rows, parts, strict=True):
        D = np.linalg.cholesky(V).T
        C = left[own]
        value, vector = np.linalg.eigh(D @ C @ Phi @ C.T @ D.T)
        keep = value > 1e-9 * np.linalg.norm(D @ V @ D.T)
        root = (vector[:, keep] / np.sqrt(value[keep])) @ vector[:, keep].T
        g.append(M @ X[own].T @ np.linalg.inv(V) @ D.T @ root @ D @ C)
    G = np.stack(g)  # cluster, coefficient, row
    S = np.einsum("ijr,rs,kjs->jik", G, Phi, G)
    trace = np.trace(S, axis1=1, axis2=2)
    return np.sqrt(((G @ y) ** 2).sum(axis=0)), trace**2 / (S * S).sum(axis=(1, 2))


def clusters(rows: list[Any], parts: list[Matrix]) -> list[Cluster]:
    return [Cluster(r, np.linalg.cholesky(V)) for r, V in zip(rows, parts, strict=True)]


@pytest.mark.parametrize("unit", [1.0, 1e-9])
def test_cr2_is_the_papers_formula_in_any_unit(unit: float) -> None:
    X, y, rows, parts = data()
    found = cr2_errors(X * [1.0, unit, 1.0], y, clusters(rows, [unit * V for V in parts]))
    std_error, df = dense(X, y, rows, parts)
    assert found.std_error * [1.0, unit, 1.0] == pytest.approx(std_error, rel=1e-11)
    assert found.df == pytest.approx(df, rel=1e-11)


def test_a_cluster_that_alone_decides_a_coefficient_adds_nothing() -> None:
    X, y, rows, parts = data(2)
    X[:, 2] = 0.0
    X[rows[6], 2] = 1.0  # one row
    found = cr2_errors(X, y, clusters(rows, parts))
    std_error, df = dense(X, y, rows, parts)
    assert found.std_error == pytest.approx(std_error, rel=1e-9)
    assert found.df == pytest.approx(df, rel=1e-9)


def test_a_mean_of_clusters_of_one_size_has_their_t_test() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=(7, 4)) + rng.normal(size=(7, 1))
    rows = np.arange(28).reshape(7, 4)
    found = cr2_errors(np.ones((28, 1)), y.ravel(), [Cluster(r, np.eye(4)) for r in rows])
    means = y.mean(axis=1)
    assert found.std_error[0] == pytest.approx(means.std(ddof=1) / np.sqrt(7.0), rel=1e-13)
    assert found.df[0] == pytest.approx(6.0, rel=1e-13)


def test_hc3_is_statsmodels_also_with_weights() -> None:
    from statsmodels.regression.linear_model import WLS

    X, y, _, _ = data()
    w = np.random.default_rng(4).uniform(0.2, 3.0, len(y))
    found = hc3_errors(X * np.sqrt(w)[:, None], y * np.sqrt(w))
    assert found == pytest.approx(WLS(y, X, weights=w).fit().HC3_se, rel=1e-11)


def test_hc3_refuses_a_row_that_alone_decides_its_fitted_value() -> None:
    X, y, rows, _ = data()
    X[:, 2] = 0.0
    X[rows[0], 2] = 1.0
    with pytest.raises(ModelError, match=rf"leverage 1 \(row {rows[0][0] + 1} of"):
        hc3_errors(X, y)
