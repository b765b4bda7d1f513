"""Residuals of a repeated-measures fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.engines.port.repeated.fit import RepeatedFit

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def residuals(fit: RepeatedFit, kind: str) -> Vector:
    """(n,) residuals on the rows used: ``raw``, ``pearson`` or ``normalized``.

    Normalized ones are ``L^-1 e`` with ``L L'`` the covariance of a subject's visits in order.

    Raises:
        ModelError: another kind.
    """
    raw = np.asarray(fit.design.y - fit.fitted)
    R = fit.covariance_matrix
    if kind == "raw":
        return raw
    if kind == "pearson":
        return np.asarray(raw / np.sqrt(R.diagonal())[fit.seen.visit_codes])
    if kind == "normalized":
        return normalized(raw, R, fit.seen.place())
    raise ModelError(f"no residuals `{kind}`; one of: raw, pearson, normalized")


def normalized(raw: Vector, R: Matrix, place: npt.NDArray[np.intp]) -> Vector:
    """``L^-1 e`` of every subject.

    Args:
        raw: (n,) residuals.
        R: (V, V) covariance by visit.
        place: (G, V) row of each subject at each visit, -1 where there is none.
    """
    scaled = np.empty(len(raw))
    present = place >= 0
    for mask in np.unique(present, axis=0):
        rows = place[(present == mask).all(axis=1)][:, mask]
        L = np.linalg.cholesky(R[np.ix_(mask, mask)])
        scaled[rows] = np.linalg.solve(L, raw[rows].T).T
    return scaled
