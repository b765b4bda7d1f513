"""Missing outcomes drawn visit by visit, each from a regression on all others, until they settle.

Chained equations (van Buuren, Brand, Groothuis-Oudshoorn & Rubin 2006, J. Stat. Comput. Simul. 76,
1049-1064): start from values seen at the same visit, picked at random; then, visit by visit in
order, draw the regression of that visit on the covariates and every other visit from its posterior
given those seen (:mod:`.regression`), and the missing values from it with their residuals; repeat.
Of normal regressions that is a Gibbs sampler of the multivariate normal distribution (Hughes et al.
2014, BMC Med. Res. Methodol. 14, 28). All imputations go through it at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.imputation.regression import posterior_draws
from harness.engines.port.imputation.wide import Wide

Matrix = npt.NDArray[np.float64]


def draw_chained(
    wide: Wide, *, imputations: int, iterations: int, by_arm: bool, rng: np.random.Generator
) -> Matrix:
    """Completed outcomes (imputations, n, V); those that were seen stay.

    Args:
        wide: the trial.
        imputations: number of chains.
        iterations: length of each; the last state is the imputation.
        by_arm: a regression for each arm, so that every coefficient and the residual variance may
            differ between arms; else one with the arm among its predictors.
        rng: of the draws.

    Raises:
        ModelError: an arm too small for its predictors, or predictors that depend on each other.
    """
    found = np.repeat(wide.Y[None], imputations, axis=0)
    if by_arm:
        for k, arm in enumerate(wide.arms):
            rows = np.flatnonzero(wide.of_arm == k)
            said = f"{wide.arm} {arm}, "
            found[:, rows] = _chains(found[:, rows], wide.X[rows], iterations, rng, wide, said)
        return found
    dummies = (wide.of_arm[:, None] == np.arange(1, len(wide.arms))).astype(np.float64)
    return _chains(found, np.column_stack([wide.X, dummies]), iterations, rng, wide, "")


def _chains(
    Y: Matrix, X: Matrix, iterations: int, rng: np.random.Generator, wide: Wide, said: str
) -> Matrix:
    m = len(Y)
    missing = np.isnan(Y[0])
    incomplete = np.flatnonzero(missing.any(axis=0))
    for visit in incomplete:
        gone = missing[:, visit]
        Y[:, gone, visit] = rng.choice(Y[0, ~gone, visit], size=(m, int(gone.sum())))
    if len(incomplete) == 1:
        iterations = 1  # nothing else changes between them
    D = np.empty((*Y.shape[:2], X.shape[1] + Y.shape[2] - 1))
    D[:, :, : X.shape[1]] = X
    for _ in range(iterations):
        for visit in incomplete:
            gone = missing[:, visit]
            D[:, :, X.shape[1] :] = np.delete(Y, visit, axis=2)
            label = f"imputation model of {said}{wide.time} {wide.visits[visit]}"
            beta, sigma = posterior_draws(D[:, ~gone], Y[:, ~gone, visit], rng, label)
            noise = sigma[:, None] * rng.standard_normal((m, int(gone.sum())))
            Y[:, gone, visit] = np.einsum("mnp,mp->mn", D[:, gone], beta) + noise
    return Y
