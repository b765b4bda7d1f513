"""d_ppc2 and Hedges' g against published numbers, closed forms and high precision."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from harness.engines.port.observed.standardised import (
    hedges_correction,
    hedges_g,
    morris_d,
    noncentral_t_limits,
    pooled_correlation,
)

# Morris (2008), Table 5, from Carlson & Schmidt (1999): of the trained and the others the mean
# change, the SD before and the patients; the correlation; d_ppc2 as printed.
PUBLISHED = [
    ((38.5 - 30.6, 19.7 - 23.1), (15.0, 13.8), (20, 20), 0.47, 0.77),
    ((26.8 - 23.5, 25.3 - 24.9), (3.1, 4.1), (50, 42), 0.64, 0.80),
    ((0.7 - 0.5, 0.6 - 0.6), (0.1, 0.2), (9, 9), 0.77, 1.20),
    ((75.9 - 53.4, 60.7 - 55.7), (14.5, 17.3), (10, 11), 0.89, 1.05),
    ((36.0 - 35.6, 33.4 - 34.8), (4.7, 3.1), (14, 14), 0.44, 0.44),
]


@pytest.mark.parametrize(("change", "sd", "n", "rho", "printed"), PUBLISHED)
def test_morris_numbers(change: Any, sd: Any, n: Any, rho: float, printed: float) -> None:
    found = morris_d(change, sd, n, rho)
    assert round(found.d, 2) == printed
    # The change over its standard error is a noncentral t of m df: its moments are the variance.
    m, ratio = sum(n) - 2, math.sqrt(2 * (1 - rho) * sum(n) / math.prod(n))
    c = 1 - 3 / (4 * m - 1)
    mean, variance = (float(v) for v in stats.nct.stats(m, found.d / ratio, moments="mv"))
    expected = (c * ratio) ** 2 * (variance + mean**2) - found.d**2
    assert found.se**2 == pytest.approx(expected, rel=1e-9)
    half = 1.6448536269514722 * found.se
    narrower = morris_d(change, sd, n, rho, 0.90)
    limits = (narrower.low, narrower.high)
    assert limits == pytest.approx((found.d - half, found.d + half), rel=1e-12)


def test_a_simulation_has_that_variance() -> None:
    """10,000 trials of 12 and 15 patients: the spread of d_ppc2 is its standard error."""
    rng = np.random.default_rng(3)
    n, rho, effect, trials = (12, 15), 0.6, 0.8, 10_000
    both = []
    for size, shift in zip(n, (effect, 0.0), strict=True):
        pre = rng.normal(size=(trials, size))
        post = rho * pre + math.sqrt(1 - rho**2) * rng.normal(size=pre.shape) + shift
        both.append((pre, post))
    ((x1, y1), (x2, y2)) = both
    found = [
        morris_d(((b - a).mean(), (d - c).mean()), (a.std(ddof=1), c.std(ddof=1)), n, rho).d
        for a, b, c, d in zip(x1, y1, x2, y2, strict=True)
    ]
    m = sum(n) - 2
    c = 1 - 3 / (4 * m - 1)
    truth = c**2 * m / (m - 2) * (2 * (1 - rho) * sum(n) / math.prod(n) + effect**2) - effect**2
    assert np.mean(found) == pytest.approx(effect, abs=4 * math.sqrt(truth / trials))
    assert np.var(found) == pytest.approx(truth, rel=4 * math.sqrt(2 / trials) * 1.2)


@pytest.mark.parametrize(
    ("sd", "n", "rho", "exists"),
    [
        ((1.0, 1.0), (0, 9), 0.5, (False, False)),
        ((0.0, 0.0), (9, 9), 0.5, (False, False)),
        ((0.0, 0.0), (1, 1), 0.5, (False, False)),
        ((0.0, 2.0), (1, 3), 0.5, (True, False)),
        ((2.0, 2.0), (3, 3), math.nan, (True, False)),
        ((0.0, 2.0), (1, 4), 0.5, (True, True)),
    ],
)
def test_what_too_few_values_leave(sd: Any, n: Any, rho: float, exists: Any) -> None:
    found = morris_d((1.0, 0.0), sd, n, rho)
    assert (math.isfinite(found.d), math.isfinite(found.se)) == exists
    assert math.isfinite(found.low) == math.isfinite(found.high) == exists[1]


def test_correlation_within_groups() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 30))
    y += x
    assert pooled_correlation([(x, y)]) == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-13)
    # Groups far apart say nothing of it; a group of one patient or none neither.
    parts = [(x[:12], y[:12]), (x[12:] + 50.0, y[12:] - 70.0), (x[:1], y[:1]), (x[:0], y[:0])]
    centred = [[v - v.mean() for v in pair] for pair in parts[:2]]
    u, v = (np.concatenate(part) for part in zip(*centred, strict=True))
    assert pooled_correlation(parts) == pytest.approx(u @ v / math.sqrt(u @ u * (v @ v)), rel=1e-12)
    assert math.isnan(pooled_correlation([(x, np.full(30, 0.1))]))
    assert pooled_correlation([(x, 3.0 - 2.0 * x)]) == pytest.approx(-1.0, abs=1e-15)


def test_hedges_correction_has_every_digit() -> None:
    with mp.workdps(40):
        for m in (*range(2, 230), 1000, 10**6):
            half = mp.mpf(m) / 2
            truth = mp.gammaprod([half], [half - 0.5]) / mp.sqrt(half)
            assert abs(hedges_correction(m) / truth - 1) < 1e-15, m


@pytest.mark.parametrize(("t", "df"), [(3.0, 2), (37.0, 10), (-12.0, 500)])
def test_noncentral_t_limits_are_quantiles(t: float, df: int) -> None:
    limits = noncentral_t_limits(t, df, 0.95)
    with mp.workdps(20):
        near = [mp.mpf(0), *(mp.mpf(k) / 40 for k in range(20, 61)), *map(mp.mpf, (2, 3, 5, 9))]

        def density(s: Any) -> Any:
            return mp.exp((df - 1) * mp.log(s) - df * (s * s - 1) / 2) if s else mp.mpf(df == 1)

        whole = mp.quad(density, near, maxdegree=4)
        for limit, p in zip(limits, (0.975, 0.025), strict=True):
            below = mp.quad(lambda s, d=limit: mp.ncdf(t * s - d) * density(s), near, maxdegree=4)
            assert abs(float(below / whole) - p) < 1e-12


def test_hedges_g_is_the_t_test_in_another_unit() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(1.0, 2.0, 9), rng.normal(0.0, 2.0, 14)
    found = hedges_g(x, y)
    t = stats.ttest_ind(x, y).statistic
    scale = hedges_correction(21) * math.sqrt(1 / 9 + 1 / 14)
    assert found.d == pytest.approx(scale * t, rel=1e-12)
    assert stats.nct.cdf(t, 21, found.low / scale) == pytest.approx(0.975, abs=1e-12)
    assert stats.nct.cdf(t, 21, found.high / scale) == pytest.approx(0.025, abs=1e-12)
    flipped = hedges_g(y, x)
    assert (flipped.low, flipped.high) == pytest.approx((-found.high, -found.low), rel=1e-9)


@pytest.mark.parametrize(
    ("x", "y"), [([1.0], [2.0, 3.0]), ([], [1.0, 2.0]), ([0.1] * 3, [0.7] * 3)]
)
def test_no_g_without_two_values_that_differ(x: list[float], y: list[float]) -> None:
    found = hedges_g(np.array(x), np.array(y))
    assert math.isnan(found.d)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
