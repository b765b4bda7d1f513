"""Jump to reference: patients of another arm who were lost go on as the reference arm does.

Carpenter, Roger & Kenward (2013, J. Biopharm. Stat. 23, 1352-1371). In each arm the outcomes after
baseline are multivariate normal given baseline and covariates, mean and covariance its own. Of a
patient lost after visit k the past keeps the mean of the own arm, A; from then on the mean is the
reference arm's, R, and so is the distribution of the future given the past:

    y_t | past ~ N(mu_t^R + B_t^R (past - mean of past), Sigma_t^R)

where the mean of the past is mu^A up to visit k. Once lost, what treatment had gained is gone,
while how much the patient differs from an average one stays.

The parameters are drawn from their posterior under a non-informative prior as a sequence of
regressions, visit by visit on baseline, covariates and the visits before, among the patients not
lost by then: with monotone data the posterior is the product of theirs (Rubin 1987, ch. 5.4;
Schafer 1997, ch. 6.5). Values missing before the last one seen are first drawn as missing at
random, in each imputation anew, and so are all of the reference arm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.imputation.regression import posterior_draws
from harness.errors import ModelError
from harness.models.read_only import read_only

if TYPE_CHECKING:
    from harness.engines.port.imputation.imputed import Imputed

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

STREAM = 1
"""Part of the seed's sequence, so that these draws are not those of the imputation before."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One arm's regressions, drawn m times.

    Attributes:
        beta: by visit t (m, c + t): of the c covariates, then of the visits before.
        sigma: by visit (m,).
    """

    beta: tuple[Matrix, ...]
    sigma: tuple[Vector, ...]

    def mean(self, Z: Matrix) -> Matrix:
        """(m, n, T) mean profile of patients with covariates Z (m, n, c)."""
        found = np.empty((*Z.shape[:2], len(self.beta)))
        for t in range(len(self.beta)):
            found[:, :, t] = self.step(t, Z, found)
        return found

    def step(self, t: int, Z: Matrix, before: Matrix) -> Matrix:
        """(m, n) mean of visit t given the visits before it (m, n, T)."""
        c = Z.shape[2]
        given: Matrix = np.einsum("mnc,mc->mn", Z, self.beta[t][:, :c])
        given += np.einsum("mnt,mt->mn", before[:, :, :t], self.beta[t][:, c:])
        return given


def jump_to_reference(imputed: Imputed, reference: object, baseline: object) -> Imputed:
    """Draw what patients of other arms would have had after they were lost, as the reference arm.

    Args:
        imputed: drawn as missing at random.
        reference: the arm whose patients set the mean.
        baseline: level of the time column before treatment, conditioned upon; None for none.

    Raises:
        DataError: there is no such arm or visit.
        ModelError: what is imputed has been changed already, or an arm is too small.
    """
    wide = imputed.wide
    if imputed.assumption != "missing at random":
        raise ModelError(f"already imputed otherwise: {imputed.assumption}; start from impute()")
    wide.rows_of(reference)
    first = wide.visit_numbers([] if baseline is None else [baseline])
    if len(first) and first[0] != 0:
        raise ModelError(f"baseline must be the first visit, {wide.visits[0]}, not {baseline}")
    after = np.arange(len(first), len(wide.visits))
    m = len(imputed)
    X = np.broadcast_to(wide.X, (m, *wide.X.shape))
    Z = np.concatenate([X, imputed.values[:, :, first]], axis=2)
    Y = imputed.values[:, :, after].copy()
    seen = ~wide.missing[:, after]
    # Number of visits up to the last one seen: 0 for who was never seen after baseline.
    kept = np.where(seen.any(axis=1), len(after) - np.argmax(seen[:, ::-1], axis=1), 0)
    rng = np.random.default_rng(np.random.SeedSequence(imputed.seed, spawn_key=(STREAM,)))
    profiles = [
        _drawn(Z, Y, np.flatnonzero(wide.of_arm == k), kept, f"{wide.arm} {arm}", rng)
        for k, arm in enumerate(wide.arms)
    ]
    to = wide.arms.index(reference)
    for k in range(len(wide.arms)):
        lost = np.flatnonzero((wide.of_arm == k) & (kept < len(after)))
        if k != to and len(lost):
            Y[:, lost] = _continued(
                profiles[k], profiles[to], Z[:, lost], Y[:, lost], kept[lost], rng
            )
    values = imputed.values.copy()
    values[:, :, after] = Y
    return replace(imputed, values=read_only(values), assumption=f"jump to reference {reference}")


def _drawn(
    Z: Matrix, Y: Matrix, rows: Index, kept: Index, said: str, rng: np.random.Generator
) -> Profile:
    beta: list[Matrix] = []
    sigma: list[Vector] = []
    for t in range(Y.shape[2]):
        there = rows[kept[rows] > t]
        D = np.concatenate([Z[:, there], Y[:, there, :t]], axis=2)
        label = f"regression {t + 1} of {said}"
        drawn = posterior_draws(D, Y[:, there, t], rng, label)
        beta.append(drawn[0])
        sigma.append(drawn[1])
    return Profile(tuple(beta), tuple(sigma))


def _continued(
    own: Profile, reference: Profile, Z: Matrix, Y: Matrix, kept: Index, rng: np.random.Generator
) -> Matrix:
    """(m, n, T) outcomes of lost patients: the own past, then the reference arm's future."""
    # The past as the reference arm's patients would have had it who differ as much from their mean.
    past = reference.mean(Z) + Y - own.mean(Z)
    found = Y.copy()
    for t in range(Y.shape[2]):
        lost = kept <= t
        mean = reference.step(t, Z[:, lost], past[:, lost])
        noise = reference.sigma[t][:, None] * rng.standard_normal(mean.shape)
        found[:, lost, t] = past[:, lost, t] = mean + noise
    return found
