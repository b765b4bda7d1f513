"""Power of a coefficient's test, by simulated trials.

One set of trials serves every size of the effect. Adding ``delta x_j`` to a response moves
coefficient j by exactly delta and changes neither theta, sigma, standard errors nor degrees of
freedom: least squares is equivariant, and the criterion sees residuals only. So the trials are
drawn once, with the model's own coefficients, and an effect of any size is found where
``|error_r + delta| > t_r SE_r``, replicate by replicate. That makes curves smooth and gives the
detectable effect without a search over simulations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from harness.engines.port.batch.record import Batch
from harness.engines.port.batch.refit import refit
from harness.engines.port.batch.simulation import check_draws, simulate
from harness.engines.port.fitted import FittedModel
from harness.engines.port.lm import LinearFit
from harness.engines.port.power.record import Detectable, Power
from harness.engines.port.wald import critical
from harness.errors import ModelError
from harness.models.spec import DfMethod

Vector = npt.NDArray[np.float64]

TOGETHER = 2_000
"""Trials drawn and fitted at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPower:
    """Trials drawn from a model, as far as one coefficient's test is concerned.

    Attributes:
        term: the coefficient.
        alpha: two-sided level.
        df_method: of the degrees of freedom.
        n_sim: trials drawn.
        seed: of the draws.
        error: (R,) estimates less the truth, of the trials on which the model can be fitted.
        half: (R,) half widths of the intervals: critical value times standard error.
        failed: trials on which it cannot; they count as finding nothing.
    """

    term: str
    alpha: float
    df_method: DfMethod
    n_sim: int
    seed: int
    error: Vector
    half: Vector
    failed: int

    def at(self, effect: float) -> Power:
        """Power at one true value of the coefficient."""
        found = np.abs(self.error + effect) > self.half
        hits = int(found.sum())
        share = hits / self.n_sim
        low, high = binomial_interval(hits, self.n_sim)
        estimates = self.error[found] + effect
        return Power(
            effect=float(effect),
            power=share,
            mc_se=float(np.sqrt(share * (1.0 - share) / self.n_sim)),
            low=low,
            high=high,
            wrong_sign=float((estimates * effect < 0.0).mean()) if hits and effect else math.nan,
            exaggeration=float(np.abs(estimates).mean() / abs(effect))
            if hits and effect
            else math.nan,
        )

    def detectable(self, power: float = 0.8) -> Detectable:
        """The smallest size of an effect that is found, with its own sign, with a given power.

        Its interval holds the sizes at which the wanted power is within two Monte-Carlo standard
        errors of that of these trials.

        Raises:
            ModelError: a power not between alpha and 1, or one that no effect reaches because the
                model cannot be fitted often enough.
        """
        check_power(power, self.alpha)
        # Trial r finds every effect above its half width less its error.
        sizes = np.sort(self.half - self.error)
        spread = 2.0 * np.sqrt(power * (1.0 - power) / self.n_sim)

        def size(target: float) -> float:
            need = max(1, math.ceil(target * self.n_sim))
            if need > len(sizes):
                return math.inf
            return max(0.0, float(sizes[need - 1]))

        if math.isinf(size(power)):
            raise ModelError(
                f"{self.failed} of {self.n_sim} simulated trials cannot be fitted: no effect of "
                f"`{self.term}` is found with power {power:.3g}"
            )
        return Detectable(size(power), size(power - spread), size(power + spread), power)


def simulated_power(
    fit: FittedModel,
    terms: Sequence[str],
    *,
    n_sim: int,
    seed: int,
    alpha: float,
    df: DfMethod,
) -> tuple[SimulatedPower, ...]:
    """Draw trials from a fitted model: same rows, same variance components.

    Args:
        fit: the model; its theta, sigma and design are what is assumed.
        terms: coefficients; all are tested in the same trials.
        n_sim: trials.
        seed: of the draws; a longer run begins with the trials of a shorter one.
        alpha: two-sided level of the test.
        df: method of the degrees of freedom; not Kenward-Roger.

    Raises:
        ModelError: no such coefficient, or a method that batches do not have.
    """
    at = [position(fit.names, term) for term in terms]
    if df == "kenward-roger":
        raise ModelError(
            "power is simulated with Satterthwaite, residual or normal tests; Kenward-Roger is "
            "made trial by trial: give df='satterthwaite'"
        )
    responses = simulate(fit, n_sim, seed)
    errors, halves = [], []
    for start in range(0, n_sim, TOGETHER):
        part = refit(fit, responses[:, start : start + TOGETHER])
        if not isinstance(part, Batch):
            raise TypeError("a matrix of responses is refitted as a batch")
        usable = np.isfinite(part.beta).all(axis=1)
        freedom = part.df(df)[usable]
        errors.append(part.beta[usable] - fit.beta)
        halves.append(critical(freedom, alpha) * part.std_error[usable])
    error, half = np.concatenate(errors), np.concatenate(halves)
    return tuple(
        SimulatedPower(
            *(term, alpha, df, n_sim, seed),
            error=np.ascontiguousarray(error[:, j]),
            half=np.ascontiguousarray(half[:, j]),
            failed=n_sim - len(error),
        )
        for term, j in zip(terms, at, strict=True)
    )


def drawn_power(
    fit: LinearFit, term: str, *, n_sim: int, seed: int, alpha: float, df: DfMethod
) -> SimulatedPower:
    """The same for a linear model, whose estimates and errors have known distributions.

    The error of a coefficient is normal, the residual variance an independent chi-square over its
    degrees of freedom; both are drawn, nothing is fitted.

    Args:
        fit: the model; its sigma and design are what is assumed.
        term: coefficient.
        n_sim: trials.
        seed: of the draws.
        alpha: two-sided level.
        df: ``z`` for normal tests, else they are on the residual degrees of freedom.

    Raises:
        ModelError: no such coefficient, or numbers of trials and seeds that are none.
    """
    check_draws(n_sim, seed)
    j = position(fit.names, term)
    true = float(np.sqrt(fit.covariance("residual")[j, j]))
    # Two streams, so that a longer run begins with the trials of a shorter one.
    normal, square = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    error = true * normal.standard_normal(n_sim)
    freedom = float(fit.df_residual)
    std_error = true * np.sqrt(square.chisquare(freedom, n_sim) / freedom)
    quantile = critical(np.array([math.inf if df == "z" else freedom]), alpha)[0]
    method: DfMethod = "z" if df == "z" else "residual"
    return SimulatedPower(term, alpha, method, n_sim, seed, error, quantile * std_error, 0)


def position(names: tuple[str, ...], term: str) -> int:
    """Which coefficient a name is.

    Raises:
        ModelError: none of them.
    """
    if term not in names:
        raise ModelError(f"no coefficient `{term}`; there are: {', '.join(names)}")
    return names.index(term)


def check_power(power: float, alpha: float) -> None:
    """Refuse a power that is none.

    Raises:
        ModelError: not between alpha and 1.
    """
    if not isinstance(power, float) or not alpha < power < 1.0:
        raise ModelError(f"power must lie between alpha = {alpha:g} and 1, not {power!r}")


def binomial_interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's exact interval of a share."""
    found = binomtest(hits, trials).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)
