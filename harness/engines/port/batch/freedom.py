"""Satterthwaite's degrees of freedom of a batch, at the optima found before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.batch.evaluation import Evaluations, evaluate_all
from harness.engines.port.batch.record import Batch
from harness.engines.port.batch.refit import chunks, shared_by
from harness.engines.port.batch.responses import working_responses
from harness.engines.port.batch.solutions import solve_all
from harness.engines.port.batch.sums import replicate_sums
from harness.engines.port.fitted import SINGULAR
from harness.engines.port.solution import standardise

Matrix = npt.NDArray[np.float64]


def batch_df(batch: Batch) -> Matrix:
    """(R, p) Satterthwaite df of every coefficient of every response; NaN where there is no fit.

    Interior optima are evaluated again, all at once; those near the boundary, and every response
    of a model with several grouping factors, are fitted again one by one.
    """
    df = np.full(batch.beta.shape, np.nan)
    done = np.isnan(batch.criterion)
    shared = shared_by(batch.design)
    if shared is not None:
        structure = shared.structure
        diagonal = structure.diagonal
        if structure.t == 1:  # with the only variance at zero the model is an ordinary linear one
            df[batch.theta[:, 0] == 0.0] = float(shared.at.d)
            done |= batch.theta[:, 0] == 0.0
        for part in chunks(batch.design, len(batch)):
            interior = (batch.theta[part][:, diagonal] >= SINGULAR).all(axis=1) & ~done[part]
            rows = np.arange(part.start, part.stop)[interior]
            if not len(rows):
                continue
            Y = working_responses(batch.design, batch.responses[:, rows])
            data, _ = replicate_sums(shared, Y)
            inner = np.array([standardise(shared.at, batch.theta[r]) for r in rows])
            at = evaluate_all(data, inner)
            sure = np.isfinite(at.value)
            sure &= np.abs(at.value - batch.criterion[rows]) <= 1e-9 * np.abs(batch.criterion[rows])
            df[rows[sure]] = _interior_df(
                at.take(sure), solve_all(data.take(sure), at.take(sure)).half, shared.at.d
            )
            done[rows[sure]] = True
    for r in np.flatnonzero(~done):
        df[r] = batch.fit(int(r)).df()
    return df


def _interior_df(at: Evaluations, half: Matrix, d: int) -> Matrix:
    """``1 / (1/d + z'F^-1 z)``, notation of :mod:`harness.engines.port.satterthwaite`."""
    p = half.shape[1]
    spread = np.einsum("raj,rijk,rak->ria", half, at.U[:, :, :p, :p], half, optimize=True)
    z = spread / (half * half).sum(axis=2)[:, None] - at.U[:, :, p, p, None]
    share = (z * np.linalg.solve(at.hessian, z)).sum(axis=1)
    return np.asarray(1.0 / (1.0 / d + share))
