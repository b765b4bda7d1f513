"""The clusters of a fit and what its working model says of the rows in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.robust.cr2 import Cluster
from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

LARGEST = 4000
"""Rows of a cluster at most: their covariance is decomposed densely."""


def clusters_of(fit: FittedModel | LinearFit, column: str) -> tuple[Cluster, ...]:
    """The clusters that a column names, with the covariance the fitted model gives their rows.

    In units of sigma^2: of a linear model one over the prior weights, of a mixed model the marginal
    covariance ``I + Z S Z'``.

    Raises:
        ModelError: no such column, rows without a cluster, one cluster, too large a cluster, random
            effects that rows of two clusters share, or a mixed model with prior weights or an
            offset, of which R has no such errors.
    """
    from harness.engines.port.lm import LinearFit

    design = fit.design
    codes = _codes(design, column)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    if max(map(len, parts)) > LARGEST:
        raise ModelError(f"CR2 by `{column}`: a cluster has more than {LARGEST:,} rows")
    if isinstance(fit, LinearFit):
        w = np.ones(fit.n_obs) if design.weights is None else design.weights
        return tuple(Cluster(rows, np.diag(1.0 / np.sqrt(w[rows]))) for rows in parts)
    for what, given in (("prior weights", design.weights), ("an offset", design.offset)):
        if given is not None:
            raise ModelError(f"CR2 is not available for a mixed model with {what}")
    for grouping in design.groupings:
        first = np.empty(len(grouping.sizes), dtype=np.intp)
        first[grouping.codes] = codes
        if (first[grouping.codes] != codes).any():
            raise ModelError(
                f"CR2 by `{column}`: rows of several clusters share random effects of "
                f"`{grouping.label}`; clusters must contain every group whole"
            )
    Lambda = fit._solution.Lambda
    covariances = ((rows, _covariance(design, Lambda, rows)) for rows in parts)
    return tuple(Cluster(rows, np.asarray(np.linalg.cholesky(V))) for rows, V in covariances)


def _codes(design: Design, column: str) -> Codes:
    """(n,) cluster of each row used."""
    import pandas as pd

    if column not in design.frame.data.columns:
        raise ModelError(f"no column `{column}` to take clusters from")
    codes, levels = pd.factorize(design.frame.data.loc[design.used, column])
    if (codes < 0).any():
        raise ModelError(f"CR2 by `{column}`: a row has no value of it")
    if len(levels) < 2:
        raise ModelError(f"CR2 by `{column}`: there is one cluster only")
    return np.asarray(codes, dtype=np.intp)


def _covariance(design: Design, Lambda: Matrix, rows: Codes) -> Matrix:
    """(m, m) ``I + Z S Z'`` of some rows, S = Lambda Lambda'."""
    level = {grouping.label: grouping.codes[rows] for grouping in design.groupings}
    V: Matrix = np.eye(len(rows))
    start = 0
    for term in design.random:
        span = slice(start, start + len(term.names))
        start = span.stop
        loaded = np.column_stack([column[rows] for column in term.columns]) @ Lambda[span, span]
        own = level[term.group]
        V += (loaded @ loaded.T) * (own[:, None] == own)
    return V
