"""Where a search begins: exact starts, the grid of two variances, descents that join another."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from port_data import classic, trial_by_site, two_wave

import harness
from harness.engines.port import grid
from harness.engines.port.newton import DEFAULTS, descend
from harness.engines.port.starts import moment_start

FINE = np.concatenate(([0.0], np.geomspace(1e-3, 200.0, 70) ** 2))


def crossed(seed: int) -> pd.DataFrame:
    """A dozen or two rows of two crossed factors that differ in x: within and between disagree."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(12, 28))
    a, b = rng.integers(0, 5, k), rng.integers(0, 4, k)
    x = rng.normal(a * rng.choice([0, 1]) + b * rng.choice([0, 1]), 1).round(1)
    level = rng.normal(0, 2, 5)[a] + rng.normal(0, 1.5, 4)[b]
    y = (level - 1.5 * x * rng.random(k) + rng.normal(size=k)).round(1)
    return pd.DataFrame({"a": pd.Categorical(a), "b": pd.Categorical(b), "x": x, "y": y})


def lowest(fit: harness.lmer) -> tuple[float, int]:
    """Least value on a fine grid of both variances, and the number of its dips."""
    f = grid.on_grid(fit._problem, FINE, FINE)
    size = len(FINE)
    framed = np.full((size + 2, size + 2), np.inf)
    framed[1:-1, 1:-1] = f
    dip = np.isfinite(f)
    for i, j in np.ndindex(3, 3):
        dip &= f <= framed[i : i + size, j : j + size]
    return float(f.min()), int(dip.sum())


@pytest.mark.parametrize("seed", [101, 661, 939, 975, 1097, 1267, 1299, 1483])
def test_the_lower_of_two_minima_is_found_for_two_factors(seed: int) -> None:
    fit = harness.lmer("y ~ x + (1 | a) + (1 | b)", crossed(seed), reml=seed % 2 == 0)
    least, dips = lowest(fit)
    assert dips == 2
    assert fit.criterion <= least + 1e-9
    assert max(fit.optimum.rivals) > fit.criterion + 0.1


@pytest.mark.exhaustive
@pytest.mark.parametrize("block", range(10))
def test_no_grid_point_is_lower_than_the_end(block: int) -> None:
    for seed in range(2000 + 200 * block, 2200 + 200 * block):
        fit = harness.lmer("y ~ x + (1 | a) + (1 | b)", crossed(seed), reml=seed % 2 == 0)
        assert fit.criterion <= lowest(fit)[0] + 1e-9, f"seed {seed}"


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("strength ~ 1 + (1 | batch / cask)", "Pastes"),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin"),
        ("y ~ t + (1 | id) + (1 | rater)", ""),
    ],
    ids=["nested", "crossed", "unbalanced"],
)
def test_the_grid_is_the_criterion(formula: str, name: str, reml: bool) -> None:
    frame = classic(name) if name else trial_by_site(3, patients=12)
    at = harness.lmer(formula, frame, reml=reml)._problem
    assert grid.fits(at)
    sizes = np.array([0.0, 0.01, 0.7, 40.0])
    seen = grid.on_grid(at, sizes, sizes)
    order = [int(factor.members[0]) for factor in at.data.factors]
    for i, j in np.ndindex(4, 4):
        theta = np.empty(2)
        theta[order] = np.sqrt(sizes[[i, j]])
        assert seen[i, j] == pytest.approx(at.evaluate(theta).value, rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "frame"),
    [
        ("y ~ arm * time + (1 | id)", two_wave()),
        ("y ~ time + (1 | id)", two_wave(seed=3)),
        ("Reaction ~ Days + (Days | Subject)", classic("sleepstudy")),
        ("Reaction ~ Days + (1 | Subject)", classic("sleepstudy")),
    ],
    ids=["trial", "no arms", "slopes", "intercepts"],
)
def test_balanced_data_start_at_the_optimum(formula: str, frame: pd.DataFrame) -> None:
    """Moments are the REML estimates where every column of X varies between groups or within."""
    fit = harness.lmer(formula, frame)
    np.testing.assert_allclose(moment_start(fit._problem), fit._search.at.theta, rtol=1e-9)
    assert fit.optimum.evaluations <= 2


def test_a_descent_joins_a_known_minimum_in_either_sign_but_not_another() -> None:
    frame = trial_by_site(1)
    fit = harness.lmer("y ~ arm * t + (t | id) + (1 | site)", frame)
    at, end = fit._problem, fit._search.at
    structure = at.data.structure
    for sign in (1.0, -1.0):
        beside = structure.theta(1.05 * sign * structure.Lambda(end.theta))
        run = descend(at, beside, DEFAULTS, [end])
        assert run.joined
        assert run.at is end
        assert run.evaluations < descend(at, beside, DEFAULTS).evaluations
    elsewhere = dataclasses.replace(end, theta=1.3 * end.theta)
    higher = dataclasses.replace(end, value=end.value - 0.2)
    for stranger in (elsewhere, higher):
        run = descend(at, structure.theta(1.05 * structure.Lambda(end.theta)), DEFAULTS, [stranger])
        assert not run.joined
        assert run.at.value == pytest.approx(end.value, abs=1e-9)
