"""Residuals: what the model leaves, on the outcome's scale or freed of its covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from harness.engines.port.predictions.decorrelate import decorrelated
from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel

Vector = npt.NDArray[np.float64]

ResidualKind = Literal["raw", "pearson", "scaled", "marginal", "normalized"]


def residuals(fit: FittedModel, kind: ResidualKind) -> Vector:
    """Residuals (n,) on the rows used.

    Args:
        fit: the model.
        kind: ``raw``, y less the fitted values; ``pearson``, times the root of the prior weight;
            ``scaled``, those over sigma (as lme4's summary shows them); ``marginal``, y less the
            fixed part (and the offset); ``normalized``, the marginal ones made independent with
            variance 1 by the Cholesky factor of their covariance, in the order of the data
            (Houseman, Ryan & Coull 2004, J. Am. Stat. Assoc. 99, 383-394).

    Raises:
        ModelError: another kind, or ``normalized`` where grouping factors tie too many rows.
    """
    if kind not in get_args(ResidualKind):
        raise ModelError(f"no residuals `{kind}`; one of: {', '.join(get_args(ResidualKind))}")
    design = fit.design
    if kind in {"marginal", "normalized"}:
        fixed = design.X @ fit.beta
        marginal = design.y - (fixed if design.offset is None else fixed + design.offset)
        if kind == "marginal":
            return np.asarray(marginal)
        if design.weights is not None:
            marginal = marginal * np.sqrt(design.weights)
        return decorrelated(design, fit._solution.Lambda, marginal) / fit.sigma
    raw = design.y - fit.fitted
    if kind == "raw":
        return np.asarray(raw)
    pearson = raw if design.weights is None else raw * np.sqrt(design.weights)
    return np.asarray(pearson / fit.sigma if kind == "scaled" else pearson)
