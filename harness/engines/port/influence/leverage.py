"""How much each row decides of its own fitted value, and of the coefficients.

The fitted values are ``H y`` with theta taken as known; the leverage is the diagonal of H, which
is the variance of the fitted value's prediction over sigma squared
(:mod:`harness.engines.port.predictions.prediction_error`). Demidenko & Stukel (2005), Stat. Med.
24, 893-909.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.predictions.prediction_error import Row, relative_variance
from harness.engines.port.predictions.rows import rows_of_x, rows_of_z
from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.engines.port.fit import Fit

Vector = npt.NDArray[np.float64]


def leverage(fit: Fit) -> Vector:
    """Diagonal (n,) of the matrix that turns the response into the fitted values."""
    design, at = fit.design, fit.surface
    Z = rows_of_z(design)
    factors = fit._posterior
    rows = {label: Row(Z[:, f.members], f.codes) for label, f in factors.items()}
    return relative_variance(at, fit.at, factors, rows_of_x(design, at), rows)


def cooks_distance(fit: Fit) -> Vector:
    """Cook's distance (n,) of each row, ``(r / (1 - h))^2 h / (p sigma^2)`` as for linear models.

    r is Pearson's residual, random effects included, and h the leverage, as in lme4's
    ``cooks.distance`` (Cook 1977, Technometrics 19, with the mixed model's hat matrix). NaN where
    the row alone determines its fit.

    Raises:
        ModelError: a model without fixed effects, for which the distance is not defined.
    """
    if not fit.names:
        raise ModelError("Cook's distance is of the fixed effects, and the model has none")
    h = leverage(fit)
    left = 1.0 - h
    r = fit.residuals("pearson")
    told = left > 1e-12
    quotient = np.divide(r, left, out=np.full_like(r, np.nan), where=told)
    return quotient**2 * h / (len(fit.names) * fit.sigma**2)
