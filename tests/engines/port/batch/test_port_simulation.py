"""Simulated responses: the model's mean and covariance, the same however they are cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from port_data import classic, dense_z, longitudinal, trial_by_site, two_wave

import harness
from harness.engines.port.batch import simulation
from harness.engines.port.batch.simulation import simulate_range
from harness.engines.port.fit import Fit
from harness.errors import ModelError


def dense_covariance(fit: Fit) -> np.ndarray:
    """``sigma^2 (W^-1 + sum Z S Z')`` (n, n), straight from the table of components."""
    components = {row.term: row.estimate for row in fit.varcorr}
    n = fit.n_obs
    w = np.ones(n) if fit.design.weights is None else fit.design.weights
    V = np.diag(components["sigma"] ** 2 / w)
    for term in fit.design.random:
        sd = [components[f"sd({term.group}:{name})"] for name in term.names]
        C = np.diag(np.square(sd))
        for j, first in enumerate(term.names):
            for i in range(j + 1, len(sd)):
                cor = components[f"cor({term.group}:{first},{term.names[i]})"]
                C[i, j] = C[j, i] = cor * sd[i] * sd[j]
        codes = next(g.codes for g in fit.design.groupings if g.label == term.group)
        Z = dense_z([list(term.columns)], np.asarray(codes))
        V += Z @ np.kron(np.eye(int(codes.max()) + 1), C) @ Z.T
    return V


def weighted_fit() -> Fit:
    frame = longitudinal(5, groups=12)
    rng = np.random.default_rng(11)
    frame = frame.assign(w=rng.uniform(0.3, 3.0, len(frame)), o=rng.normal(5.0, 2.0, len(frame)))
    return harness.lmer("y ~ arm * t + (t | g)", frame, weights="w", offset="o")


FITS = {
    "trial": lambda: harness.lmer("y ~ time * arm + (1 | id)", two_wave(per_arm=8)),
    "slopes": lambda: harness.lmer("Reaction ~ Days + (Days | Subject)", classic("sleepstudy")),
    "two-terms": lambda: harness.lmer("y ~ t + (t || g)", longitudinal(3, groups=10)),
    "crossed": lambda: harness.lmer(
        "y ~ t + (t | id) + (1 | site) + (1 | rater)", trial_by_site(1, patients=12)
    ),
    "weighted": weighted_fit,
}


@pytest.mark.parametrize("name", FITS)
def test_mean_and_covariance(name: str) -> None:
    fit = FITS[name]()
    R = 20_000
    Y = fit.simulate(R, seed=4)
    V = dense_covariance(fit)
    mean = fit.design.X @ fit.beta
    if fit.design.offset is not None:
        mean = mean + fit.design.offset
    sd = np.sqrt(V.diagonal())
    # Largest of n (then n^2) normal deviations: 6 standard errors has odds below 1e-4.
    assert np.abs((Y.mean(axis=1) - mean) / sd * np.sqrt(R)).max() < 6.0
    E = (Y - mean[:, None]) / sd[:, None]
    correlation = V / np.outer(sd, sd)
    error = np.sqrt((1.0 + correlation**2) / R)
    assert np.abs((E @ E.T / R - correlation) / error).max() < 6.0
    assert np.abs((E**4).mean(axis=1) - 3.0).max() < 6.0 * np.sqrt(96.0 / R), "normal tails"


def test_conditional_draws_keep_the_random_effects() -> None:
    fit = weighted_fit()
    R = 4000
    Y = fit.simulate(R, seed=4, conditional=True)
    E = (Y - fit.fitted[:, None]) * np.sqrt(fit.design.weights)[:, None] / fit.sigma
    assert np.abs(E.mean(axis=1)).max() * np.sqrt(R) < 5.0
    n = fit.n_obs
    assert np.abs((E @ E.T / R - np.eye(n)) / np.sqrt((1.0 + np.eye(n)) / R)).max() < 6.0


class TestDeterminism:
    def test_a_longer_run_begins_with_a_shorter_one(self) -> None:
        fit = FITS["slopes"]()
        long = fit.simulate(230, seed=9)
        assert np.array_equal(long[:, :70], fit.simulate(70, seed=9))
        assert np.array_equal(long[:, :1], fit.simulate(1, seed=9))

    def test_any_cut_gives_the_same_draws(self) -> None:
        fit = FITS["crossed"]()
        whole = fit.simulate(160, seed=3)
        cuts = [0, 1, 49, 50, 51, 120, 160]
        parts = [simulate_range(fit, low, high, 3) for low, high in pairwise(cuts)]
        assert np.array_equal(whole, np.concatenate(parts, axis=1))

    def test_blocks_of_large_data_are_shorter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fit = FITS["trial"]()
        monkeypatch.setattr(simulation, "DRAWS", 200)
        whole = fit.simulate(20, seed=3)
        assert np.array_equal(whole[:, 7:13], simulate_range(fit, 7, 13, 3))
        assert len(np.unique(whole[0])) == 20

    def test_seeds_are_those_numpy_spawns(self) -> None:
        fit = FITS["trial"]()
        child = np.random.SeedSequence(5).spawn(2)[1]
        width = fit.n_obs + 16
        draws = np.random.default_rng(child).standard_normal((50, width))[0]
        effects = fit.sigma * fit.theta[0] * draws[:16]
        codes = fit.design.groupings[0].codes
        wanted = fit.design.X @ fit.beta + effects[codes] + fit.sigma * draws[16:]
        assert fit.simulate(51, seed=5)[:, 50] == pytest.approx(wanted, rel=1e-14)

    def test_another_seed_gives_other_draws(self) -> None:
        fit = FITS["trial"]()
        assert not np.array_equal(fit.simulate(3, seed=1), fit.simulate(3, seed=2))


@pytest.mark.parametrize(
    ("n_sim", "seed", "words"),
    [(0, 1, "n_sim"), (-3, 1, "n_sim"), (2.5, 1, "n_sim"), (3, -1, "seed"), (3, "x", "seed")],
)
def test_numbers_out_of_range(n_sim: object, seed: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        FITS["trial"]().simulate(n_sim, seed)  # type: ignore[arg-type]
