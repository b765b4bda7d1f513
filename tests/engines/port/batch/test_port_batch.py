"""Many responses on one design: every replicate is what a fit of its own gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, trial_by_site, two_wave
from scipy import stats

import harness
from harness.engines.port.batch import refit as refits
from harness.engines.port.batch.descent import minimise_all
from harness.engines.port.batch.evaluation import evaluate_all, values_on_line
from harness.engines.port.batch.record import Batch
from harness.engines.port.batch.refit import shared_by
from harness.engines.port.batch.responses import with_response, working_responses
from harness.engines.port.batch.sums import replicate_sums
from harness.engines.port.fit import Fit
from harness.engines.port.newton import DEFAULTS
from harness.engines.port.problems import surface
from harness.errors import ModelError


def weighted() -> pd.DataFrame:
    frame = longitudinal(5)
    rng = np.random.default_rng(11)
    return frame.assign(w=rng.uniform(0.3, 3.0, len(frame)), o=rng.normal(5.0, 2.0, len(frame)))


def shuffled() -> pd.DataFrame:
    return two_wave(seed=4).sample(frac=1.0, random_state=9).reset_index(drop=True)


MODELS: dict[str, tuple[Callable[[], pd.DataFrame], str, bool]] = {
    "trial": (two_wave, "y ~ time * arm + (1 | id)", True),
    "trial-ml": (two_wave, "y ~ time * arm + (1 | id)", False),
    "trial-shuffled": (shuffled, "y ~ time * arm + (1 | id)", True),
    "trial-near-zero": (lambda: two_wave(3, correlation=0.05), "y ~ time + (1 | id)", True),
    "dyestuff": (lambda: classic("Dyestuff"), "Yield ~ 1 + (1 | Batch)", True),
    "dyestuff2-singular": (lambda: classic("Dyestuff2"), "Yield ~ 1 + (1 | Batch)", True),
    "no-fixed": (lambda: classic("Dyestuff"), "Yield ~ 0 + (1 | Batch)", True),
    "sleepstudy": (lambda: classic("sleepstudy"), "Reaction ~ Days + (Days | Subject)", True),
    "sleepstudy-ml": (lambda: classic("sleepstudy"), "Reaction ~ Days + (Days || Subject)", False),
    "far-from-zero": (
        lambda: classic("sleepstudy").assign(Days=lambda d: d["Days"] + 2000.0),
        "Reaction ~ Days + (Days | Subject)",
        True,
    ),
    "unbalanced": (lambda: longitudinal(1), "y ~ arm * t + (t | g)", True),
    "own-times": (lambda: longitudinal(2, groups=30, grid=False), "y ~ arm * t + (t | g)", True),
    "three-effects": (lambda: classic("cake"), "angle ~ recipe + (recipe | replicate)", True),
    "crossed": (
        lambda: classic("Penicillin"),
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        True,
    ),
    "nested": (lambda: classic("Pastes"), "strength ~ 1 + (1 | batch / cask)", True),
    "by-site": (
        lambda: trial_by_site(1),
        "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)",
        True,
    ),
}
ONE_FACTOR = [m for m in MODELS if m not in ("crossed", "nested", "by-site")]


@cache
def fitted(model: str) -> Fit:
    data, formula, reml = MODELS[model]
    return harness.lmer(formula, data(), reml=reml)


@cache
def weighted_fit() -> Fit:
    return harness.lmer("y ~ arm * t + (t | g)", weighted(), weights="w", offset="o")


def batch_of(fit: Fit, Y: np.ndarray) -> Batch:
    batch = fit.refit(Y)
    assert isinstance(batch, Batch)
    return batch


def gaps(batch: Batch, df: np.ndarray, number: int) -> dict[str, float]:
    """How far a replicate is from a fit of its own."""
    own = batch.fit(number)
    error = np.sqrt(own.vcov.diagonal())
    found = {
        "criterion": abs(batch.criterion[number] - own.criterion) / max(1.0, abs(own.criterion)),
        "theta": np.abs(batch.theta[number] - own.theta) / (1.0 + own.theta),
        "sigma": abs(batch.sigma[number] / own.sigma - 1.0),
        "beta": np.abs((batch.beta[number] - own.beta) / error),
        "std_error": np.abs(batch.std_error[number] / error - 1.0),
        "df": np.abs(df[number] / own.df() - 1.0),
    }
    assert batch.converged[number] == own.converged
    assert batch.singular[number] == own.singular
    return {name: float(np.max(gap, initial=0.0)) for name, gap in found.items()}


LIMITS = {
    # Both ends have a gradient below 1e-9 of the criterion; what is left is the rounding of the
    # sums in two orders, and for theta that rounding over the curvature.
    "criterion": 1e-14,
    "theta": 1e-7,
    "sigma": 1e-9,
    "beta": 1e-8,
    "std_error": 1e-8,
    "df": 1e-6,
}


@pytest.mark.parametrize("model", MODELS)
def test_every_replicate_is_a_fresh_fit(model: str) -> None:
    fit = fitted(model)
    count = 40 if model in ONE_FACTOR else 6
    batch = batch_of(fit, fit.simulate(count, seed=5))
    df = batch.df()
    for number in range(count):
        wrong = {k: g for k, g in gaps(batch, df, number).items() if not g <= LIMITS[k]}
        assert not wrong, (number, wrong)


def test_weights_and_offset_are_honoured() -> None:
    fit = weighted_fit()
    batch = batch_of(fit, fit.simulate(20, seed=2))
    df = batch.df()
    frame = weighted()
    for number in range(20):
        assert all(g <= LIMITS[k] for k, g in gaps(batch, df, number).items())
        frame["y"] = batch.responses[:, number]
        fresh = harness.lmer("y ~ arm * t + (t | g)", frame, weights="w", offset="o")
        assert batch.criterion[number] == pytest.approx(fresh.criterion, rel=1e-13)


@pytest.mark.parametrize("model", ONE_FACTOR)
def test_values_and_derivatives_are_those_of_each_replicate_alone(model: str) -> None:
    fit = fitted(model)
    Y = fit.simulate(5, seed=8)
    shared = shared_by(fit.design)
    assert shared is not None
    data, failed = replicate_sums(shared, working_responses(fit.design, Y))
    assert not len(failed)
    rng = np.random.default_rng(3)
    theta = fit.at.theta + rng.uniform(0.05, 0.6, size=(5, len(fit.theta)))
    many = evaluate_all(data, theta)
    for r in range(5):
        one = surface(with_response(fit.design, Y[:, r])).evaluate(theta[r])
        assert many.value[r] == pytest.approx(one.value, rel=1e-13)
        for ours, wanted in (
            (many.gradient[r], one.gradient),
            (many.hessian[r], one.hessian),
            (many.S_gradient[r], one.S_gradient),
            (np.abs(many.U[r]), np.abs(one.U)),  # the unit residual's sign is free
        ):
            scale = np.abs(wanted).max() + 1e-8 * abs(one.value)
            assert np.abs(ours - wanted).max() <= 1e-9 * scale


def test_values_on_a_line_are_the_criterion() -> None:
    fit = fitted("trial")
    shared = shared_by(fit.design)
    assert shared is not None
    data, _ = replicate_sums(shared, fit.simulate(4, seed=1))
    S = np.array([0.0, 0.3, 4.0])
    line = values_on_line(data, S)
    for k, s in enumerate(S):
        there = evaluate_all(data, np.full((4, 1), np.sqrt(s)))
        assert line[k] == pytest.approx(there.value, rel=1e-14)


def test_doubtful_replicates_go_to_the_ordinary_search(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted("unbalanced")
    asked = []
    ordinary = refits.fit_design

    def counted(design: object) -> Fit:
        asked.append(design)
        return ordinary(design)

    monkeypatch.setattr(refits, "fit_design", counted)
    batch = batch_of(fit, fit.simulate(200, seed=5))
    assert 0 < len(asked) < 200, "some, not all"
    assert batch.converged.all()


def test_a_search_ended_early_is_not_plain() -> None:
    from dataclasses import replace

    fit = fitted("sleepstudy")
    shared = shared_by(fit.design)
    assert shared is not None
    data, _ = replicate_sums(shared, fit.simulate(30, seed=5))
    ends = minimise_all(data, fit.at.theta, replace(DEFAULTS, iterations=1))
    assert not ends.plain.any()


def test_two_minima_are_seen() -> None:
    # Two groups far larger than the others, nearly alike: one minimum at zero, one far out.
    rng = np.random.default_rng(0)
    found = False
    for _ in range(200):
        sizes = rng.integers(1, 40, size=4)
        g = np.repeat(np.arange(4), sizes)
        frame = pd.DataFrame({"g": pd.Categorical(g), "y": rng.normal(size=len(g))})
        fit = harness.lmer("y ~ 1 + (1 | g)", frame)
        shared = shared_by(fit.design)
        assert shared is not None
        Y = rng.normal(size=(len(g), 50)) + rng.standard_t(1.5, size=(4, 50))[g]
        data, _ = replicate_sums(shared, Y)
        ends = minimise_all(data, fit.at.theta, DEFAULTS)
        batch = batch_of(fit, Y)
        for number in np.flatnonzero(~ends.plain)[:2]:
            found = True
            own = batch.fit(int(number))
            assert batch.criterion[number] == pytest.approx(own.criterion, abs=1e-9)
        if found:
            break
    assert found


@pytest.mark.parametrize("factor", [1e-6, 1e9])
def test_the_scale_of_the_response_does_not_matter(factor: float) -> None:
    fit = fitted("sleepstudy")
    Y = fit.simulate(60, seed=3)
    plain, scaled = batch_of(fit, Y), batch_of(fit, factor * Y)
    assert scaled.theta == pytest.approx(plain.theta, rel=1e-6, abs=1e-7)
    assert scaled.beta == pytest.approx(factor * plain.beta, rel=1e-8)
    assert scaled.sigma == pytest.approx(factor * plain.sigma, rel=1e-9)
    shift = (fit.n_obs - 2) * 2.0 * np.log(factor)
    assert scaled.criterion == pytest.approx(plain.criterion + shift, rel=1e-12)


def test_balanced_one_way_has_its_closed_form() -> None:
    fit = fitted("dyestuff")
    Y = fit.simulate(300, seed=6)
    batch = batch_of(fit, Y)
    groups = Y.reshape(6, 5, 300)
    means = groups.mean(axis=1)
    within = ((groups - means[:, None]) ** 2).sum(axis=(0, 1)) / 24.0
    between = 5.0 * ((means - means.mean(axis=0)) ** 2).sum(axis=0) / 5.0
    positive = between > within
    assert 0 < positive.sum() < 300
    theta = np.sqrt(np.maximum(between / within - 1.0, 0.0) / 5.0)
    assert batch.theta[:, 0] == pytest.approx(theta, rel=1e-8)
    assert batch.sigma[positive] ** 2 == pytest.approx(within[positive], rel=1e-10)
    pooled = (24.0 * within + 5.0 * between) / 29.0
    assert batch.sigma[~positive] ** 2 == pytest.approx(pooled[~positive], rel=1e-10)
    assert (batch.theta[~positive] == 0.0).all()
    assert (batch.singular == ~positive).all()


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted("sleepstudy")
    Y = fit.simulate(90, seed=3)
    whole = batch_of(fit, Y)
    monkeypatch.setattr(refits, "TOGETHER", 7)
    parts = batch_of(fit, Y)
    for field in fields(Batch):
        if field.name in ("design", "responses", "names"):
            continue
        one, other = getattr(whole, field.name), getattr(parts, field.name)
        if np.asarray(one).dtype == np.float64:
            assert other == pytest.approx(one, rel=1e-8, abs=1e-8)
        else:
            assert np.array_equal(one, other)


class TestManyOutcomes:
    def test_a_table_of_all_outcomes(self) -> None:
        frame = two_wave()
        rng = np.random.default_rng(1)
        outcomes = np.column_stack([frame["y"], frame["y"] + rng.normal(0, 5, len(frame))])
        fit = harness.lmer("y ~ time * arm + (1 | id)", frame)
        table = batch_of(fit, outcomes).summary()
        assert list(table["response"]) == [0] * 4 + [1] * 4
        first = table[table["response"] == 0].drop(columns="response")
        wanted = fit.summary()
        assert list(first["term"]) == list(wanted["term"])
        assert first.drop(columns="term").to_numpy() == pytest.approx(
            wanted.drop(columns="term").to_numpy(), rel=1e-8
        )

    def test_permutation_of_the_arms(self) -> None:
        # Under the permutation the change score's t test is the same test, so the p values agree.
        frame = two_wave(seed=8, effect=-4.0)
        fit = harness.lmer("y ~ time * arm + (1 | id)", frame)
        rng = np.random.default_rng(2)
        y = frame["y"].to_numpy().reshape(70, 2)
        orders = [rng.permutation(70) for _ in range(400)]
        batch = batch_of(fit, np.column_stack([y[order].ravel() for order in orders]))
        term = fit.names.index("timepost:armMBSR")
        t = batch.beta[:, term] / batch.std_error[:, term]
        change = y[:, 1] - y[:, 0]
        treated = (frame["arm"].to_numpy() == "MBSR")[::2]
        wanted = [
            stats.ttest_ind(change[order][treated], change[order][~treated]).statistic
            for order in orders
        ]
        inside = ~batch.singular
        assert inside.sum() > 390
        assert t[inside] == pytest.approx(np.array(wanted)[inside], rel=1e-8)

    def test_one_response_gives_a_fit(self) -> None:
        fit = fitted("trial")
        again = fit.refit(fit.design.y)
        assert isinstance(again, Fit)
        assert again.criterion == pytest.approx(fit.criterion, rel=1e-14)


class TestBadResponses:
    def test_what_has_no_fit_is_named_and_nan(self) -> None:
        fit = fitted("trial")
        Y = fit.simulate(4, seed=1)
        Y[:, 1] = 3.0 + 2.0 * fit.design.X[:, 1]
        batch = batch_of(fit, Y)
        assert [number for number, _ in batch.failures] == [1]
        assert "exact combination" in batch.failures[0][1]
        assert np.isnan(batch.beta[1]).all()
        assert np.isnan(batch.df()[1]).all()
        assert not batch.converged[1]
        assert np.isfinite(batch.beta[[0, 2, 3]]).all()
        with pytest.raises(ModelError, match="exact combination"):
            batch.fit(1)

    def test_rows_of_the_data_given_are_taken_too(self) -> None:
        frame = two_wave()
        frame.loc[[3, 10], "y"] = np.nan
        fit = harness.lmer("y ~ time * arm + (1 | id)", frame)
        given = np.random.default_rng(1).normal(size=(140, 2))
        used = np.delete(given, [3, 10], axis=0)
        assert batch_of(fit, given).criterion == pytest.approx(batch_of(fit, used).criterion)

    @pytest.mark.parametrize(
        ("shape", "words"), [((139,), "139 rows"), ((140, 2, 2), "shape"), ((0,), "shape")]
    )
    def test_another_shape(self, shape: tuple[int, ...], words: str) -> None:
        with pytest.raises(ModelError, match=words):
            fitted("trial").refit(np.zeros(shape))

    def test_missing_values(self) -> None:
        Y = fitted("trial").simulate(2, seed=1)
        Y[5, 1] = np.nan
        with pytest.raises(ModelError, match="row 6 of the responses is missing"):
            fitted("trial").refit(Y)

    def test_kenward_roger_is_made_fit_by_fit(self) -> None:
        batch = batch_of(fitted("trial"), fitted("trial").simulate(2, seed=1))
        with pytest.raises(ModelError, match=r"batch\.fit"):
            batch.df("kenward-roger")


def test_a_thousand_refits_are_fast() -> None:
    import time

    fit = fitted("trial")
    fit.refit(fit.simulate(1000, seed=1))
    began = time.perf_counter()
    batch = batch_of(fit, fit.simulate(1000, seed=2))
    taken = time.perf_counter() - began
    # 15 ms on an idle core; a shared machine may take several times as long.
    assert taken < 0.3, f"{taken:.3f} s"
    assert batch.converged.all()
