"""Profile likelihood: closed forms, dense brute force, invariances, and lme4's own deviance."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, trial_by_site, two_wave
from scipy import optimize, stats

import harness
from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.fit import Fit
from harness.engines.port.intervals.constrained import (
    HeldCorrelation,
    HeldSD,
    HeldSigma,
    Split,
)
from harness.engines.port.intervals.curve import _neville
from harness.engines.port.intervals.leading import leading, without_coefficient
from harness.engines.port.intervals.profile import curves, deviance_without
from harness.engines.port.surface import Surface
from harness.errors import ModelError

Q95 = float(stats.chi2.ppf(0.95, 1))


def weighted() -> pd.DataFrame:
    frame = longitudinal(5)
    return frame.assign(w=np.random.default_rng(11).uniform(0.3, 3.0, len(frame)))


MODELS: dict[str, tuple[Callable[[], pd.DataFrame], str, str, bool]] = {
    "sleepstudy": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + (Days | Subject)",
        "(Days | Subject)",
        True,
    ),
    "sleepstudy-uncorrelated": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + (Days || Subject)",
        "(1 | Subject) + (0 + Days | Subject)",
        False,
    ),
    "trial": (two_wave, "y ~ time * arm + (1 | id)", "(1 | id)", False),
    "trial-singular": (
        lambda: two_wave(3, correlation=-0.5),
        "y ~ time * arm + (1 | id)",
        "(1 | id)",
        False,
    ),
    "dyestuff": (
        lambda: classic("Dyestuff"),
        "Yield ~ 1 + (1 | Batch)",
        "(1 | Batch)",
        True,
    ),
    "dyestuff2-singular": (
        lambda: classic("Dyestuff2"),
        "Yield ~ 1 + (1 | Batch)",
        "(1 | Batch)",
        False,
    ),
    "unbalanced": (lambda: longitudinal(1), "y ~ arm * t + (t | g)", "(t | g)", False),
    "near-flat": (
        lambda: longitudinal(1, groups=20, sd=(1.0, 0.1)),
        "y ~ t + (t | g)",
        "(t | g)",
        False,
    ),
    "own-times": (
        lambda: longitudinal(2, groups=30, grid=False),
        "y ~ arm * t + (t | g)",
        "(t | g)",
        False,
    ),
    "crossed": (
        lambda: classic("Penicillin"),
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        "(1 | plate) + (1 | sample)",
        False,
    ),
    "nested": (
        lambda: classic("Pastes"),
        "strength ~ 1 + (1 | batch / cask)",
        "(1 | batch / cask)",
        False,
    ),
    "by-site": (
        lambda: trial_by_site(1),
        "y ~ t + (t | id) + (1 | site)",
        "(t | id) + (1 | site)",
        False,
    ),
}


@cache
def fitted(model: str) -> Fit:
    data, formula, _, _ = MODELS[model]
    return harness.lmer(formula, data(), reml=False)


@cache
def intervals(model: str) -> pd.DataFrame:
    return fitted(model).confint("profile").set_index("term")


def slopes(surface: Surface, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of value and gradient."""
    gradient, hessian = np.empty(len(x)), np.empty((len(x), len(x)))
    for k in range(len(x)):
        step = np.zeros(len(x))
        step[k] = 1e-5 * max(1.0, abs(x[k]))
        up, down = surface.evaluate(x + step), surface.evaluate(x - step)
        gradient[k] = (up.value - down.value) / (2 * step[k])
        hessian[k] = (up.gradient - down.gradient) / (2 * step[k])
    return gradient, hessian


def assert_derivatives(surface: Surface, x: np.ndarray) -> None:
    at = surface.evaluate(x)
    gradient, hessian = slopes(surface, x)
    scale = 1.0 + np.abs(gradient).max()
    assert np.abs(at.gradient - gradient).max() < 1e-5 * scale
    assert np.abs(at.hessian - hessian).max() < 1e-5 * (1.0 + np.abs(hessian).max())


@pytest.mark.parametrize("model", ["sleepstudy", "unbalanced", "by-site", "crossed", "dyestuff"])
class TestConstrainedCriteria:
    def test_derivatives_by_differences(self, model: str) -> None:
        fit = fitted(model)
        rng = np.random.default_rng(1)
        eta = math.log(fit.sigma) + 0.2
        split = Split(fit.surface)
        start = fit.at.theta + rng.uniform(0.0, 0.2, len(fit.theta))
        assert_derivatives(HeldSigma(fit.surface, split, eta), start)
        for term, random in enumerate(fit.design.random):
            for effect in range(len(random.names)):
                lead = leading(fit.surface, fit.design, start, term, (effect,))
                held = HeldSD(lead, Split(lead.at), 1.3 * fit.sigma / lead.scale)
                assert_derivatives(held, held.free(lead.theta, eta))
            if len(random.names) > 1:
                lead = leading(fit.surface, fit.design, start, term, (0, 1))
                held_cor = HeldCorrelation(lead, 0.4)
                assert_derivatives(held_cor, held_cor.free(lead.theta))

    def test_held_at_the_estimate_is_the_optimum(self, model: str) -> None:
        fit = fitted(model)
        for curve in curves(fit):
            at = curve.held(curve.estimate).evaluate(curve.start)
            assert at.value == pytest.approx(fit.criterion, abs=1e-8), curve.term
            assert np.abs(at.gradient).max() < 1e-4, curve.term
            own = {**dict(zip(fit.names, fit.beta, strict=True))}
            own |= {row.term: row.estimate for row in fit.varcorr}
            assert curve.outside(curve.estimate) == pytest.approx(own[curve.term], rel=1e-7)

    def test_bounds_have_the_deviance_that_is_asked(self, model: str) -> None:
        fit = fitted(model)
        for curve in curves(fit):
            reached = [curve.bound(z)[1] for z in (-1.5, 1.5)]
            if curve.term == "sd(site:(Intercept))":
                assert reached == [False, True], "six sites: their variance may be zero"
                continue
            assert all(reached), curve.term
            ends = [p for p in curve.points if abs(abs(p.zeta) - 1.5) < 1e-8]
            assert {math.copysign(1.0, p.zeta) for p in ends} == {-1.0, 1.0}
            for end in ends:
                there = curve.held(end.at).evaluate(end.free)
                assert there.value - fit.criterion == pytest.approx(2.25, abs=1e-7), curve.term
                assert np.abs(there.gradient).max() < 1e-3, curve.term


class TestClosedForms:
    def test_a_coefficient_of_a_balanced_one_way(self) -> None:
        # With G groups of equal size the mean's likelihood-ratio statistic has a closed form in
        # the group means where the variance between groups is positive: both sums of squares are
        # free, and only that between groups depends on the mean.
        fit = fitted("dyestuff")
        means = classic("Dyestuff").groupby("Batch", observed=True)["Yield"].mean().to_numpy()
        square = ((means - means.mean()) ** 2).sum()
        half = math.sqrt(square / 6.0 * (math.exp(Q95 / 6.0) - 1.0))
        row = intervals("dyestuff").loc["(Intercept)"]
        assert row["conf_low"] == pytest.approx(fit.beta[0] - half, rel=1e-10)
        assert row["conf_high"] == pytest.approx(fit.beta[0] + half, rel=1e-10)

    def test_components_of_a_balanced_one_way_by_dense_search(self) -> None:
        frame = classic("Dyestuff")
        y = frame["Yield"].to_numpy().reshape(6, 5)
        within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum()
        between = 5.0 * ((y.mean(axis=1) - y.mean()) ** 2).sum()

        def deviance(sd: float, sigma: float) -> float:
            large = sigma**2 + 5.0 * sd**2
            logs = 24.0 * math.log(sigma**2) + 6.0 * math.log(large)
            return 30.0 * math.log(2 * math.pi) + logs + within / sigma**2 + between / large

        def best_sigma(sd: float) -> float:
            found = optimize.minimize_scalar(
                lambda s: deviance(sd, math.exp(s)), bracket=(3.0, 4.0), tol=1e-12
            )
            return float(found.fun)

        lowest = fitted("dyestuff").criterion
        row = intervals("dyestuff").loc["sd(Batch:(Intercept))"]
        for bound in (row["conf_low"], row["conf_high"]):
            assert best_sigma(bound) - lowest == pytest.approx(Q95, abs=1e-8)

    def test_sigma_of_a_two_wave_trial_is_that_of_the_change(self) -> None:
        # Complete pairs: the differences carry sigma, the sums the rest, each with free means, so
        # the profile of sigma is that of a normal variance from 70 differences.
        frame = two_wave()
        y = frame["y"].to_numpy().reshape(70, 2)
        arm = (frame["arm"].to_numpy() == "MBSR")[::2]
        change = y[:, 1] - y[:, 0]
        square = sum(((change[a] - change[a].mean()) ** 2).sum() for a in (arm, ~arm)) / 2.0

        def rise(sigma: float) -> float:
            ratio = square / (70.0 * sigma**2)
            return 70.0 * (ratio - 1.0 - math.log(ratio)) - Q95

        best = math.sqrt(square / 70.0)
        row = intervals("trial").loc["sigma"]
        assert row["estimate"] == pytest.approx(best, rel=1e-9)
        low = optimize.brentq(rise, 0.5 * best, best, xtol=1e-13)
        high = optimize.brentq(rise, best, 2.0 * best, xtol=1e-13)
        assert row["conf_low"] == pytest.approx(low, rel=1e-8)
        assert row["conf_high"] == pytest.approx(high, rel=1e-8)


class TestBoundary:
    def test_a_variance_that_may_be_zero(self) -> None:
        for model in ("trial-singular", "dyestuff2-singular"):
            row = intervals(model).filter(like="sd(", axis=0).iloc[0]
            assert row["estimate"] == 0.0
            assert row["conf_low"] == 0.0
            assert row["conf_high"] > 0.0

    def test_a_lower_bound_of_zero_is_what_the_model_without_it_says(self) -> None:
        fit = fitted("near-flat")
        row = intervals("near-flat").loc["sd(g:t)"]
        rise = deviance_without(fit.design, 0, 1) - fit.criterion
        assert (row["conf_low"] == 0.0) == (rise < Q95)
        assert row["conf_low"] == 0.0, "the example is meant to show the case"
        assert row["estimate"] > 0.0

    def test_a_correlation_that_may_be_perfect(self) -> None:
        row = intervals("near-flat").loc["cor(g:(Intercept),t)"]
        assert row["conf_high"] == 1.0 or row["conf_low"] == -1.0

    def test_without_the_only_effect_it_is_a_linear_model(self) -> None:
        fit = fitted("trial")
        linear = harness.lm("y ~ time * arm", two_wave())
        assert deviance_without(fit.design, 0, 0) == pytest.approx(-2 * linear.loglik, rel=1e-12)

    def test_hard_cases_end(self) -> None:
        """Slopes with hardly any variance: curves that level off, jump, or have no bound."""
        for seed in range(1, 13):
            for sd in (0.01, 0.1):
                frame = longitudinal(seed, groups=20, sd=(1.0, sd))
                fit = harness.lmer("y ~ t + (t | g)", frame, reml=False)
                table = fit.confint("profile").set_index("term")
                assert (table["conf_low"] <= table["conf_high"]).all()
                inside = table[~table["estimate"].isna()]
                assert (inside["conf_low"] <= inside["estimate"] + 1e-9).all()
                assert (inside["estimate"] <= inside["conf_high"] + 1e-9).all()


class TestInvariance:
    @pytest.mark.parametrize("factor", [1e-6, 1e9])
    def test_scale_of_the_response(self, factor: float) -> None:
        frame = classic("sleepstudy")
        scaled = harness.lmer(
            MODELS["sleepstudy"][1],
            frame.assign(Reaction=factor * frame["Reaction"]),
            reml=False,
        ).confint("profile")
        plain = intervals("sleepstudy").reset_index()
        unit = np.where(plain["term"].str.startswith("cor("), 1.0, factor)
        for side in ("conf_low", "conf_high"):
            assert scaled[side].to_numpy() == pytest.approx(plain[side] * unit, rel=1e-6)

    def test_origin_of_the_predictor(self) -> None:
        frame = classic("sleepstudy")
        moved = harness.lmer(
            MODELS["sleepstudy"][1], frame.assign(Days=frame["Days"] + 2000.0), reml=False
        )
        shifted = moved.confint("profile").set_index("term")
        for term in ("Days", "sd(Subject:Days)", "sigma"):
            for side in ("conf_low", "conf_high"):
                got, wanted = shifted.loc[term, side], intervals("sleepstudy").loc[term, side]
                assert got == pytest.approx(wanted, rel=1e-6), (term, side)

    def test_reml_fits_are_profiled_by_ml(self) -> None:
        fit = harness.lmer(MODELS["sleepstudy"][1], classic("sleepstudy"))
        table = fit.confint("profile").set_index("term")
        assert table["conf_low"].to_numpy() == pytest.approx(intervals("sleepstudy")["conf_low"])
        assert table.loc["sigma", "estimate"] == pytest.approx(fitted("sleepstudy").sigma)

    def test_weights_as_repeated_rows_leave_the_mean_alone(self) -> None:
        # Weight 4 everywhere: sigma doubles, nothing else moves.
        frame = longitudinal(1).assign(w=4.0)
        plain = intervals("unbalanced")
        fit = harness.lmer(MODELS["unbalanced"][1], frame, reml=False, weights="w")
        heavy = fit.confint("profile").set_index("term")
        unit = np.where(heavy.index == "sigma", 2.0, 1.0)
        for side in ("conf_low", "conf_high"):
            wanted = plain[side].to_numpy() * unit
            assert heavy[side].to_numpy() == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_unequal_weights_by_dense_search() -> None:
    frame = weighted()
    fit = harness.lmer("y ~ t + (1 | g)", frame, reml=False, weights="w")
    row = fit.confint("profile").set_index("term").loc["sd(g:(Intercept))"]
    X, y = fit.design.X, fit.design.y
    Z = (fit.design.groupings[0].codes[:, None] == np.arange(40)).astype(float)

    def deviance(sd: float, sigma: float) -> float:
        V = np.diag(sigma**2 / fit.design.weights) + sd**2 * Z @ Z.T
        Vi = np.linalg.inv(V)
        e = y - X @ np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ y)
        return float(len(y) * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + e @ Vi @ e)

    for bound in (row["conf_low"], row["conf_high"]):
        best = optimize.minimize_scalar(
            lambda s, b=bound: deviance(b, math.exp(s)), bracket=(-0.3, 0.3), tol=1e-12
        )
        assert best.fun - fit.criterion == pytest.approx(Q95, abs=1e-6)


def test_a_coefficient_held_is_an_offset() -> None:
    for model in ("sleepstudy", "by-site"):
        fit = fitted(model)
        frame = MODELS[model][0]()
        held = without_coefficient(fit.surface, 1, 0.7)
        name, column = fit.names[1], fit.design.X[:, 1]
        response = fit.design.frame.response
        formula = MODELS[model][1].replace(f"{name} + (", "1 + (")
        own = harness.lmer(
            formula, frame.assign(**{response: frame[response] - 0.7 * column}), reml=False
        )
        assert held.evaluate(own.at.theta).value == pytest.approx(own.criterion, rel=1e-11)


class TestCurve:
    def test_points_are_those_of_the_profile(self) -> None:
        frame = fitted("sleepstudy").profile()
        assert list(frame.columns) == ["parameter", "value", "zeta"]
        assert set(frame["parameter"]) == set(intervals("sleepstudy").index)
        for term, points in frame.groupby("parameter"):
            assert (np.diff(points["value"]) > 0.0).all()
            assert (np.diff(points["zeta"]) > 0.0).all()
            assert 9 <= len(points) <= 30, term
            assert points["zeta"].abs().max() == pytest.approx(2.5758293, abs=1e-6)
            assert (points["zeta"] == 0.0).sum() == 1
            z = math.sqrt(Q95)
            low = np.interp(-z, points["zeta"], points["value"])
            row = intervals("sleepstudy").loc[term]
            assert low == pytest.approx(row["conf_low"], abs=0.02 * abs(row["estimate"] + 1.0))

    def test_a_curve_ends_at_the_boundary(self) -> None:
        frame = fitted("dyestuff2-singular").profile()
        points = frame[frame["parameter"] == "sd(Batch:(Intercept))"]
        assert points["value"].iloc[0] == 0.0
        assert points["zeta"].iloc[0] == 0.0

    def test_a_lower_deviance_is_refused(self) -> None:
        curve = next(c for c in curves(fitted("dyestuff")) if c.term == "sigma")
        curve.lowest += 1.0
        with pytest.raises(ModelError, match=r"deviance .* below the fit's"):
            curve.zeta_at(curve.estimate)

    def test_interpolation_is_exact_for_cubics(self) -> None:
        x = [0.0, 1.0, 2.5, 4.0]
        y = [2.0 + v - 0.5 * v**2 + 0.1 * v**3 for v in x]
        assert _neville(x, y, 3.0) == pytest.approx(2.0 + 3.0 - 4.5 + 2.7)

    def test_few_evaluations_are_needed(self) -> None:
        for curve in curves(fitted("sleepstudy")):
            for z in (-1.959964, 1.959964):
                curve.bound(z)
            assert len(curve.points) <= 16, (curve.term, len(curve.points))


class TestConfint:
    def test_wald_is_the_coefficient_table(self) -> None:
        fit = harness.lmer(MODELS["unbalanced"][1], longitudinal(1))
        for df in ("satterthwaite", "kenward-roger", "residual", "z"):
            table = fit.confint(level=0.9, df=df)
            wald = fit.table(df, 0.9)
            assert list(table.columns) == ["term", "estimate", "conf_low", "conf_high", "method"]
            assert table["conf_low"].to_numpy()[:4] == pytest.approx(wald.conf_low, rel=1e-14)
            assert table["conf_high"].to_numpy()[:4] == pytest.approx(wald.conf_high, rel=1e-14)
            assert table["conf_low"].isna().to_numpy()[4:].all()
            assert (table["method"] == f"wald {df}").all()
            assert list(table["term"]) == [*fit.names, *(row.term for row in fit.varcorr)]

    @pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
    def test_a_level_outside_zero_and_one(self, level: float) -> None:
        for method in ("wald", "profile", "bootstrap"):
            with pytest.raises(ModelError, match="level must lie between 0 and 1"):
                fitted("dyestuff").confint(method, level)

    def test_an_unknown_method(self) -> None:
        with pytest.raises(ModelError, match="unknown interval method `exact`"):
            fitted("dyestuff").confint("exact")


def bounds_for_r(model: str) -> tuple[list[str], list[dict[str, object]]]:
    """The kinds of lme4's components in its order, and every bound of the table by place."""
    fit = fitted(model)
    kinds: list[str] = []
    places: dict[str, int] = {}
    for term in fit.design.random:
        for j, name in enumerate(term.names):
            for i in range(j, len(term.names)):
                if i == j:
                    label, kind = f"sd({term.group}:{name})", "sd"
                else:
                    label, kind = f"cor({term.group}:{name},{term.names[i]})", "cor"
                kinds.append(kind)
                places[label] = len(kinds)
    places["sigma"] = len(kinds) + 1
    kinds.append("sigma")
    bounds: list[dict[str, object]] = []
    for term, row in intervals(model).iterrows():
        what, k = (
            ("fixed", fit.names.index(str(term)) + 1)
            if term in fit.names
            else (
                "component",
                places[str(term)],
            )
        )
        for side in ("conf_low", "conf_high"):
            bounds.append(
                {"term": term, "side": side, "what": what, "k": k, "value": float(row[side])}
            )
    return kinds, bounds


@pytest.fixture(scope="module")
def answers(r_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("profiles")
    models = {}
    for name, (data, formula, random, confint) in MODELS.items():
        frame = data()
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        kinds, bounds = bounds_for_r(name)
        models[name] = {
            "file": f"{name}.csv",
            "formula": formula,
            "random": random,
            "confint": confint,
            "kinds": kinds,
            "bounds": bounds,
            "factors": {
                column: [str(level) for level in frame[column].cat.categories]
                for column in frame
                if isinstance(frame[column].dtype, pd.CategoricalDtype)
            },
        }
    (folder / "models.json").write_text(json.dumps(models), encoding="utf-8")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(Path(__file__).with_name("profile.R")), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


@pytest.mark.live_r
class TestLme4:
    @pytest.mark.parametrize("model", MODELS)
    def test_lowest_deviance_at_our_bounds(self, answers: dict, model: str) -> None:
        """lme4's deviance function, minimised by R with the parameter held at our bound.

        It must be the minimum plus the chi-square quantile, or less at a bound of the parameter.
        """
        r = answers[model]
        assert r["deviance"] == pytest.approx(fitted(model).criterion, abs=1e-6)
        _, bounds = bounds_for_r(model)
        for bound, lowest in zip(bounds, r["values"], strict=True):
            rise = lowest - fitted(model).criterion
            term, value = str(bound["term"]), bound["value"]
            at_the_edge = (term.startswith("sd(") and value == 0.0) or (
                term.startswith("cor(") and abs(float(str(value))) == 1.0
            )
            if at_the_edge:
                assert rise <= Q95 + 1e-6, bound
            else:
                assert rise == pytest.approx(Q95, abs=1e-6), bound

    @pytest.mark.parametrize("model", [m for m in MODELS if MODELS[m][3]])
    def test_confint_to_its_interpolation(self, answers: dict, model: str) -> None:
        """lme4 reads bounds off a spline through a grid: right to thousandths of the width."""
        table = intervals(model)
        _, bounds = bounds_for_r(model)
        components = sum(1 for b in bounds if b["what"] == "component") // 2
        for bound in bounds:
            row = int(str(bound["k"])) - 1 + (components if bound["what"] == "fixed" else 0)
            theirs = answers[model]["confint"][row][bound["side"] == "conf_high"]
            width = table.loc[bound["term"], "conf_high"] - table.loc[bound["term"], "conf_low"]
            assert abs(float(str(bound["value"])) - theirs) < 5e-3 * width, (bound, theirs)


def test_profiles_are_fast() -> None:
    import time

    fit = harness.lmer(MODELS["sleepstudy"][1], classic("sleepstudy"))
    fit.confint("profile")
    began = time.perf_counter()
    fit.confint("profile")
    taken = time.perf_counter() - began
    # 20 ms on an idle core; a shared machine may take several times as long.
    assert taken < 0.3, f"{taken:.3f} s"


def test_a_value_with_no_likelihood_is_infinitely_far(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise NotPositiveError

    curve = next(c for c in curves(fitted("dyestuff")) if c.term == "sigma")
    monkeypatch.setattr(HeldSigma, "evaluate", lost)
    assert curve.zeta_at(curve.estimate + 1.0) == math.inf
    assert curve.zeta_at(curve.estimate - 1.0) == -math.inf
