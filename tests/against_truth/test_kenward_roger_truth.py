"""Kenward-Roger where double precision is short: the port against 40-digit arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from design import exact_model
from kenward_roger_exact import DIGITS, kenward_roger
from mpmath import mp, mpf

import harness

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engines" / "port"))

from port_data import longitudinal, trial_by_site

pytestmark = pytest.mark.truth


def trial(sd: tuple[float, float], seed: int = 1, unit: float = 1.0, origin: float = 0.0,
          groups: int = 14) -> Callable[[], pd.DataFrame]:  # fmt: skip
    """Unbalanced visits of a small trial."""

    def made() -> pd.DataFrame:
        frame = longitudinal(seed, groups=groups, visits=4, sd=sd)
        return frame.assign(y=unit * frame["y"], t=frame["t"] + origin)

    return made


def sites(sd: tuple[float, float, float, float]) -> Callable[[], pd.DataFrame]:
    return lambda: trial_by_site(3, sites=4, patients=11, visits=3, raters=4, sd=sd)


INTERCEPT, SLOPE = "y ~ arm * t + (1 | g)", "y ~ arm * t + (t | g)"
CASES: dict[str, tuple[str, Callable[[], pd.DataFrame], float]] = {
    "near-one": (SLOPE, trial((1.0, 0.6), 5), 1e-11),
    **{
        f"outcome-times-{unit:g}": (SLOPE, trial((1.0, 0.6), 5, unit), 1e-11)
        for unit in (1e-6, 1e-3, 1e3, 1e6, 1e9)
    },
    # At 1e6 the data keep ten digits of what varies within a patient, and so does F: 4e-10.
    **{
        f"intercepts-{sd:g}": (INTERCEPT, trial((sd, 0.0)), limit)
        for sd, limit in ((1e2, 1e-11), (1e4, 1e-10), (1e6, 1e-8))
    },
    "slopes-1e3": (SLOPE, trial((1e3, 1e2)), 1e-11),
    "slopes-1e5": (SLOPE, trial((1e5, 1e4)), 1e-9),
    **{
        f"time-from-{origin:g}": (SLOPE, trial((1.0, 0.6), 5, origin=origin), limit)
        for origin, limit in ((1e2, 1e-11), (2026.0, 1e-10), (1e4, 1e-10), (1e5, 1e-9))
    },
    "time-from-10000-intercept": (INTERCEPT, trial((1.0, 0.0), 5, origin=1e4), 1e-9),
    "variance-at-zero": ("y ~ arm * t + (t || g)", trial((1.0, 0.0), 8), 1e-11),
    "correlation-at-one": (SLOPE, trial((1.0, 0.3), 2), 1e-11),
    "crossed": ("y ~ arm * t + (1 | id) + (1 | site)", sites((1.0, 0.0, 0.7, 0.0)), 1e-10),
    "crossed-1e2": ("y ~ t + (1 | id) + (1 | rater)", sites((1e2, 0.0, 0.0, 50.0)), 1e-10),
    **{
        f"crossed-{sd:g}": ("y ~ t + (1 | id) + (1 | rater)", sites((sd, 0.0, 0.0, sd / 2)), limit)
        for sd, limit in ((1e3, 1e-11), (1e4, 1e-10))
    },
    "crossed-1e3-and-small": (
        "y ~ t + (1 | id) + (1 | site) + (1 | rater)",
        sites((1e3, 0.0, 0.7, 5e2)),
        1e-11,
    ),
    "crossed-slopes-1e3": ("y ~ t + (t | id) + (1 | rater)", sites((1e3, 1e2, 0.0, 5e2)), 1e-11),
}


@pytest.mark.parametrize("case", CASES)
def test_every_number_is_the_true_one(case: str) -> None:
    formula, data, limit = CASES[case]
    fit = harness.lmer(formula, data())
    assert fit.converged
    with mp.workdps(DIGITS):
        truth = kenward_roger(exact_model(fit.design), [mpf(v) for v in fit.theta.tolist()])
        p = len(fit.names)
        rows = [truth.test(mp.eye(p)[j, :])[0] for j in range(p)]
        df, error = (np.array([float(v) for v in values]) for values in (rows, truth.std_error()))
        m, scale, f_value = (float(v) for v in truth.test(mp.eye(p)[1:, :]))
    kr = fit.kenward_roger
    test = fit.f_test(np.eye(p)[1:], "kenward-roger")
    off = {
        "df": np.abs(kr.df() / df - 1).max(),
        "std_error": np.abs(kr.std_error / error - 1).max(),
        "den_df": abs(test.den_df / m - 1),
        "scale": abs(test.scale / scale - 1),
        "f": abs(test.f_value / f_value - 1),
    }
    assert max(off.values()) < limit, off
