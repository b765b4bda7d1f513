"""Profiles of a correlation where the constrained likelihood has two minima.

With the correlation held where the data contradict it, either standard deviation may go to zero,
and then the correlation no longer matters. Brute force over many starts is the judge.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from port_data import longitudinal
from scipy.optimize import minimize
from scipy.special import ndtri

import harness
from harness.engines.port.fit import Fit
from harness.engines.port.problems import surface
from harness.engines.port.solution import standardise

FORMULA = "y ~ arm * t + (t | g)"


def plain() -> pd.DataFrame:
    return longitudinal(3, groups=30)


def weighted() -> pd.DataFrame:
    frame = plain()
    frame["w"] = np.random.default_rng(1).uniform(0.2, 5.0, len(frame))
    frame["y"] -= np.linspace(-3.0, 3.0, len(frame))
    return frame


def lowest(fit: Fit, r: float) -> float:
    """The ML deviance at a held correlation, the smallest from many starts."""
    at = surface(fit.design)

    def deviance(log_sd: np.ndarray) -> float:
        a, b = np.exp(log_sd)
        theta = np.array([a, r * b, np.sqrt(1.0 - r * r) * b])
        return at.evaluate(standardise(at, theta)).value

    starts = [(a, b) for a in (-8.0, -1.0, 0.5) for b in (-8.0, -2.0, -0.5)]
    ends = [
        minimize(deviance, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10})
        for start in starts
    ]
    return min(float(end.fun) for end in ends)


def test_a_bound_beyond_a_second_minimum_is_where_the_deviance_has_risen() -> None:
    fit = harness.lmer(FORMULA, plain(), reml=False)
    table = fit.confint(method="profile").set_index("term")
    low = float(table.loc["cor(g:(Intercept),t)", "conf_low"])
    assert -0.5 < low < 0.0
    assert lowest(fit, low) - fit.criterion == pytest.approx(ndtri(0.975) ** 2, abs=1e-6)


def test_a_deviance_that_never_rises_enough_gives_minus_one() -> None:
    fit = harness.lmer(FORMULA, weighted(), reml=False, weights="w")
    table = fit.confint(method="profile").set_index("term")
    assert table.loc["cor(g:(Intercept),t)", "conf_low"] == -1.0
    for r in (-0.999, -0.95, -0.7):
        assert lowest(fit, r) - fit.criterion < ndtri(0.975) ** 2, r


@pytest.mark.parametrize("seed", range(12))
def test_every_parameter_of_small_trials_has_an_interval(seed: int) -> None:
    fit = harness.lmer(FORMULA, longitudinal(seed, groups=12, visits=4, missing=0.3))
    table = fit.confint(method="profile")
    ml = harness.lmer(FORMULA, longitudinal(seed, groups=12, visits=4, missing=0.3), reml=False)
    at = dict(zip(ml.names, ml.beta, strict=True))
    at |= {row.term: row.estimate for row in ml.varcorr if np.isfinite(row.estimate)}
    for row in table.itertuples():
        assert np.isfinite([row.conf_low, row.conf_high]).all(), row.term
        if row.term in at:
            assert row.conf_low - 1e-9 <= at[row.term] <= row.conf_high + 1e-9, row.term
