"""Data for the pictures that check a model: quantiles against the normal, spread against fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.special import ndtri

from harness.models.variables import level_text

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.criterion import Evaluation
    from harness.engines.port.fit import Fit
    from harness.engines.port.predictions.posterior import FactorPosterior

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NO_SPREAD = 1e-12
"""A mode whose variance is this share of its effect's, or less, is zero for every response."""


@dataclass(frozen=True, slots=True)
class CheckData:
    """What the residual plots of a mixed model show.

    Attributes:
        residual_qq: theoretical, observed, row: scaled residuals by size against the quantiles of
            the normal; row is the position among the rows used.
        random_qq: group, effect, level, theoretical, observed: every effect's modes by size, each
            over its marginal SD, so that the normal model says variance 1.
        rows: row, fitted, residual (scaled), sqrt_abs_residual (for scale against location),
            marginal (y less the fixed effects).
        normality: quantity, statistic, p_value, n: Shapiro and Wilk's test (1965, Biometrika 52)
            of the residuals and of each effect's standardised modes. Descriptive: modes are
            shrunken towards the normal model. NaN below 3 numbers and where the modes are zero;
            beyond 5,000 the p-value is approximate.
    """

    residual_qq: pd.DataFrame
    random_qq: pd.DataFrame
    rows: pd.DataFrame
    normality: pd.DataFrame


def normal_quantiles(n: int) -> Vector:
    """Quantiles (n,) at R's ``ppoints``: (i - a)/(n + 1 - 2a), a 3/8 up to n = 10, then 1/2."""
    a = 0.375 if n <= 10 else 0.5
    return np.asarray(ndtri((np.arange(1, n + 1) - a) / (n + 1.0 - 2.0 * a)))


def standardised_modes(factor: FactorPosterior, evaluation: Evaluation, residual: Vector) -> Matrix:
    """Modes over their marginal standard deviations relative to sigma (G, q).

    ``Var(modes) / sigma^2 = S Z'V^-1 Z S - S Z'V^-1 X (X'V^-1 X)^-1 X'V^-1 Z S``, theta taken as
    known; the first part is ``S - C``. An effect without variance has NaN.

    Args:
        factor: conditional means and covariances.
        evaluation: at the estimates.
        residual: (P,) ``y - X beta`` in the basis W.
    """
    p = len(residual) - 1
    back, _ = lapack.dtrtri(factor.T, lower=0)
    modes = (factor.means @ residual) @ back.T
    lost = back @ factor.means[:, :, :p] @ evaluation.Rho_inverse[:p, :p]
    spread = back @ (factor.S - factor.covariance) @ back.T
    variance = np.einsum("gaa->ga", spread) - (lost * lost).sum(axis=2)
    known = variance > NO_SPREAD * (back @ factor.S @ back.T).diagonal()
    scale = np.sqrt(np.where(known, variance, 1.0))
    return np.where(known, modes / scale, np.nan)


def check_data(fit: Fit) -> CheckData:
    """Gather what the residual plots of a fit show."""
    import pandas as pd

    scaled = fit.residuals("scaled")
    order = np.argsort(scaled, kind="stable")
    residual_qq = pd.DataFrame(
        {"theoretical": normal_quantiles(len(order)), "observed": scaled[order], "row": order}
    )
    rows = pd.DataFrame(
        {
            "row": np.arange(len(scaled)),
            "fitted": fit.fitted,
            "residual": scaled,
            "sqrt_abs_residual": np.sqrt(np.abs(scaled)),
            "marginal": fit.residuals("marginal"),
        }
    )
    tests = [("residual", *_shapiro(scaled), len(scaled))]
    frames = []
    for grouping in fit.design.groupings:
        factor = fit._posterior[grouping.label]
        modes = standardised_modes(factor, fit._search.at, fit._solution.residual)
        modes /= fit.sigma
        names = [n for t in fit.design.random if t.group == grouping.label for n in t.names]
        levels = np.array([level_text(level) for level in grouping.levels], dtype=object)
        for name, column in zip(names, modes.T, strict=True):
            told = np.flatnonzero(np.isfinite(column))
            place = told[np.argsort(column[told], kind="stable")]
            frames.append(
                pd.DataFrame(
                    {
                        "group": grouping.label,
                        "effect": name,
                        "level": levels[place],
                        "theoretical": normal_quantiles(len(place)),
                        "observed": column[place],
                    }
                )
            )
            tests.append((f"{grouping.label}:{name}", *_shapiro(column[told]), len(told)))
    return CheckData(
        residual_qq=residual_qq,
        random_qq=pd.concat(frames, ignore_index=True),
        rows=rows,
        normality=pd.DataFrame(tests, columns=["quantity", "statistic", "p_value", "n"]),
    )


def _shapiro(values: Vector) -> tuple[float, float]:
    """Shapiro and Wilk's W and its p-value; NaN where there is nothing to test."""
    if len(values) < 3 or not np.ptp(values) > 0.0:
        return float("nan"), float("nan")
    import warnings

    from scipy.stats import shapiro

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*p-value may not be accurate.*")
        test = shapiro(values)
    return float(test.statistic), float(test.pvalue)
