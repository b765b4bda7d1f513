"""Predictions of a repeated-measures fit: means, and visits given what else is known of a patient.

With ``e_o`` the residuals of a patient's observed visits o and v another visit,

    E(y_v | y_o) = x_v'beta + R_vo R_oo^-1 e_o,      Var = R_vv - R_vo R_oo^-1 R_ov,

and the error of the mean itself is that of ``(x_v - X_o' R_oo^-1 R_ov)'beta``. It is the best
linear unbiased prediction with the covariance taken as known (Goldberger 1962, J. Am. Stat. Assoc.
57).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.arguments import check_frame
from harness.engines.port.repeated.occasions import coded
from harness.errors import DataError, ModelError
from harness.models.new_rows import new_rows
from harness.models.rowwise import new_offset
from harness.models.variables import level_text

if TYPE_CHECKING:
    from harness.engines.port.repeated.fit import RepeatedFit

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predicted values of k rows.

    Attributes:
        mean: (k,).
        std_error: (k,) of the mean: from the coefficients' covariance, the residuals' being known.
        sd: (k,) of a value about the mean; zero at a visit that was observed, if conditional.
    """

    mean: Vector
    std_error: Vector
    sd: Vector


def predict(fit: RepeatedFit, new: pd.DataFrame | None, conditional: bool) -> Vector:
    """Predicted values (k,); see :meth:`RepeatedFit.predict`."""
    if conditional:
        return prediction(fit, new, conditional).mean
    return fit.fitted if new is None else _means(fit, new)[1]


def prediction_table(fit: RepeatedFit, new: pd.DataFrame | None, conditional: bool) -> pd.DataFrame:
    """Prediction, std_error and sd of each row, index as given."""
    found = prediction(fit, new, conditional)
    frame = fit.design.frame
    index = frame.data.index.delete(frame.omitted) if new is None else new.index
    return pd.DataFrame(
        {"prediction": found.mean, "std_error": found.std_error, "sd": found.sd}, index=index
    )


def prediction(fit: RepeatedFit, new: pd.DataFrame | None, conditional: bool) -> Prediction:
    """Means, their errors, and the spread of values about them.

    Raises:
        DataError: a column is absent.
        ModelError: a visit the fit does not have, or a level.
    """
    if new is None:
        X, mean = fit.design.X, fit.fitted
        subjects, visits = fit.seen.subject_codes, fit.seen.visit_codes
    else:
        X, mean = _means(fit, new)
        visits = _codes(new, fit.seen.visit, fit.seen.visits, "visit")
        if (visits < 0).any():
            row = int(np.flatnonzero(visits < 0)[0])
            raise ModelError(
                f"new values: in the fit `{fit.seen.visit}` has no visit "
                f"`{new[fit.seen.visit].iloc[row]}`; it has: {', '.join(fit.seen.visits)}"
            )
        subjects = np.full(len(new), -1)
        if conditional:
            known = [level_text(level) for level in fit.seen.subjects]
            subjects = _codes(new, fit.seen.subject, known, "subject")
    half = np.linalg.cholesky(fit.vcov)
    spread = fit.covariance_matrix.diagonal()[visits]
    if not conditional:
        return Prediction(mean, np.sqrt(((X @ half) ** 2).sum(axis=1)), np.sqrt(spread))
    X, shift, spread = _given(fit, np.array(X), subjects, visits)
    return Prediction(mean + shift, np.sqrt(((X @ half) ** 2).sum(axis=1)), np.sqrt(spread))


def _means(fit: RepeatedFit, new: pd.DataFrame) -> tuple[Matrix, Vector]:
    """X (k, p) and means (k,) of new rows, the offset included."""
    check_frame(new, "newdata")
    X = new_rows(fit.design, new).X
    mean = X @ fit.beta
    if fit.design.offset is not None:
        mean = mean + new_offset(fit.design.spec, new)
    return X, mean


def _codes(new: pd.DataFrame, column: str, known: Any, label: str) -> Index:
    """Codes (k,) of a column among known levels by their text, -1 for others."""
    if column not in new.columns:
        raise DataError(f"new values: no column `{column}`, the fit's {label}")
    codes, levels = coded(column, new, label)
    place = {text: k for k, text in enumerate(known)}
    rank = np.array([*(place.get(level_text(level), -1) for level in levels), -1], dtype=np.intp)
    return rank[codes]


def _given(
    fit: RepeatedFit, X: Matrix, subjects: Index, visits: Index
) -> tuple[Matrix, Vector, Vector]:
    """What the observed visits of each row's subject change.

    Returns:
        X (k, p) less what the observed visits' rows account for, the shift of the means (k,), and
        the variances left (k,).
    """
    R = fit.covariance_matrix
    place = fit.seen.place()
    residual = fit.residuals()
    shift, spread = np.zeros(len(X)), R.diagonal()[visits].copy()
    present = place[subjects] >= 0
    present[subjects < 0] = False
    keys = np.column_stack([present, visits])
    for key in np.unique(keys, axis=0):
        mask, visit = key[:-1].astype(bool), int(key[-1])
        if not mask.any():
            continue
        chosen = np.flatnonzero((keys == key).all(axis=1))
        rows = place[subjects[chosen]][:, mask]
        if mask[visit]:  # the value itself is known; do not solve for it
            weight = (np.flatnonzero(mask) == visit).astype(float)
            left = 0.0
        else:
            weight = np.linalg.solve(R[np.ix_(mask, mask)], R[mask, visit])
            left = R[visit, visit] - R[visit, mask] @ weight
        shift[chosen] = residual[rows] @ weight
        X[chosen] -= np.einsum("gop,o->gp", fit.design.X[rows], weight)
        spread[chosen] = max(float(left), 0.0)
    return X, shift, spread
