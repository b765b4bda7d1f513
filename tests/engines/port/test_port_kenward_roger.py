"""Kenward-Roger: the published formulae by brute force, closed forms, invariances, pbkrtest."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kenward_roger_dense import dense
from port_data import classic, longitudinal, trial_by_site, two_wave
from port_r import ask_r
from scipy import stats
from scipy.optimize import brentq

import harness
from harness.data import derive, open_study
from harness.engines.port import crossproducts
from harness.engines.port.engine import PortEngine
from harness.engines.port.fit import Fit
from harness.engines.port.scaled_f import denominator
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.spec import ModelSpec

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
SLOPES = "Reaction ~ Days + (Days | Subject)"


@cache
def study(name: str) -> pd.DataFrame:
    return derive(open_study(FIXTURES / name / "plan.yaml"))


def unbalanced() -> pd.DataFrame:
    return longitudinal(1)


def own_times() -> pd.DataFrame:
    return longitudinal(2, groups=30, grid=False)


def negative() -> pd.DataFrame:
    return two_wave(seed=3, correlation=-0.5)


def sites() -> pd.DataFrame:
    return trial_by_site(1, patients=40, sites=9)


def no_sites() -> pd.DataFrame:
    return trial_by_site(2, patients=30, sd=(1.0, 0.0, 0.0, 0.0))


MODELS: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "sleepstudy-slopes": (lambda: classic("sleepstudy"), SLOPES),
    "sleepstudy-uncorrelated": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + (Days || Subject)",
    ),
    "sleepstudy-quadratic": (
        lambda: classic("sleepstudy"),
        "Reaction ~ Days + I(Days^2) + (Days | Subject)",
    ),
    "dyestuff": (lambda: classic("Dyestuff"), "Yield ~ 1 + (1 | Batch)"),
    "dyestuff2-singular": (lambda: classic("Dyestuff2"), "Yield ~ 1 + (1 | Batch)"),
    "cake": (lambda: classic("cake"), "angle ~ recipe * temperature + (1 | replicate)"),
    "cake-numeric-singular": (
        lambda: classic("cake"),
        "angle ~ recipe * temp + (temp | replicate)",
    ),
    "cake-three-effects": (lambda: classic("cake"), "angle ~ recipe + (recipe | replicate)"),
    "two-wave": (two_wave, "y ~ arm * time * scale(z) + (1 | id)"),
    "two-wave-singular": (negative, "y ~ arm * time + (1 | id)"),
    "unbalanced-slopes": (unbalanced, "y ~ arm * t + (t | g)"),
    "unbalanced-slope-only": (unbalanced, "y ~ t + (0 + t | g)"),
    "own-times-slopes": (own_times, "y ~ arm * t + (t | g)"),
    "own-times-uncorrelated": (own_times, "y ~ arm * t + (t || g)"),
    "btheb-trend": (lambda: study("btheb"), "bdi ~ treatment * months + (months | subject)"),
    "btheb-visits": (lambda: study("btheb"), "bdi ~ treatment * month + (1 | subject)"),
    "penicillin": (lambda: classic("Penicillin"), "diameter ~ 1 + (1 | plate) + (1 | sample)"),
    "pastes-nested": (lambda: classic("Pastes"), "strength ~ 1 + (1 | batch/cask)"),
    "cake-two-factors": (
        lambda: classic("cake"),
        "angle ~ recipe * temperature + (1 | replicate) + (1 | recipe:replicate)",
    ),
    "crossed-three": (sites, "y ~ arm * t + (1 | rater) + (1 | id) + (1 | site)"),
    "crossed-slopes": (sites, "y ~ arm * t + (t | id) + (1 | rater)"),
    "crossed-slopes-both": (sites, "y ~ arm * t + (t | id) + (t || site)"),
    "crossed-singular": (no_sites, "y ~ arm * t + (1 | id) + (1 | site)"),
    "crossed-nested": (sites, "y ~ arm * t + (1 | site/id) + (1 | rater)"),
    "crossed-tiny": (
        lambda: sites().assign(y=lambda d: 1e-6 * d["y"]),
        "y ~ arm * t + (t | id) + (1 | site)",
    ),
    "crossed-huge": (
        lambda: sites().assign(y=lambda d: 1e9 * d["y"]),
        "y ~ arm * t + (t | id) + (1 | site)",
    ),
    "crossed-large": (
        lambda: trial_by_site(3, sd=(30.0, 5.0, 40.0, 20.0)),
        "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)",
    ),
    "mbsr-fiqr": (lambda: study("mbsr"), "fiqr_total ~ arm * time + (1 | id)"),
}


@cache
def fitted(model: str) -> Fit:
    data, formula = MODELS[model]
    return harness.lmer(formula, data())


def contrasts_of(fit: Fit) -> np.ndarray:
    """All coefficients but the first, or the only one."""
    p = len(fit.names)
    return np.eye(p)[1:] if p > 1 else np.eye(1)


def off(got: object, wanted: object) -> float:
    """Largest relative difference."""
    return float(np.abs(np.asarray(got) / np.asarray(wanted) - 1.0).max())


@pytest.mark.parametrize("model", [m for m in MODELS if "btheb" not in m])
def test_published_formulae_by_brute_force(model: str) -> None:
    fit = fitted(model)
    slow, fast = dense(fit), fit.kenward_roger
    # What the dense inverses themselves lose, with temp near 200 in the random slope.
    limit = 1e-8 if "numeric" in model else 1e-10
    assert off(fast.std_error, np.sqrt(slow.adjusted.diagonal())) < limit
    length = np.sqrt(slow.adjusted.diagonal())
    assert np.abs((fast.vcov - slow.adjusted) / np.outer(length, length)).max() < limit
    one_by_one = [slow.test(row[None, :], fit.beta) for row in np.eye(len(fit.names))]
    assert off(fast.df(), [m for m, _, _ in one_by_one]) < limit
    for _, scale, f_value in one_by_one:
        assert scale == pytest.approx(1.0, rel=limit), "one contrast needs no scaling"
        assert f_value > 0.0
    L = contrasts_of(fit)
    m, scale, f_value = slow.test(L, fit.beta)
    test = fast.f_test(L, fit.beta)
    assert test.num_df == len(L)
    assert off([test.den_df, test.scale, test.f_value], [m, scale, f_value]) < limit
    assert test.p_value == pytest.approx(stats.f.sf(f_value, len(L), m), rel=1e3 * limit)


def test_large_effects_of_three_factors_at_forty_digits() -> None:
    # The published formulae in 40-digit arithmetic at the theta found; the first is the worst.
    truth = [5.964294289293569, 23.67033486336728, 27.873830311596984, 28.01598896897022]
    assert fitted("crossed-large").kenward_roger.df() == pytest.approx(truth, rel=2e-11)


class TestClosedForms:
    def test_balanced_one_way_has_groups_less_one(self) -> None:
        fit = fitted("dyestuff")
        assert fit.kenward_roger.df() == pytest.approx([5.0], rel=1e-12)
        assert fit.kenward_roger.std_error == pytest.approx(np.sqrt(fit.vcov.diagonal()), rel=1e-13)

    def test_three_groups_give_two_df_where_the_general_formula_is_zero_by_zero(self) -> None:
        data = classic("Dyestuff").query("Batch in ['A', 'B', 'C']")
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", data)
        assert fit.kenward_roger.df() == pytest.approx([2.0], rel=1e-12)

    def test_two_wave_interaction_is_the_t_test_on_change(self) -> None:
        data = two_wave()
        wide = data.pivot(index="id", columns="time", values="y")
        change = (wide["post"] - wide["pre"]).to_numpy()
        treated = (data.groupby("id", observed=True)["arm"].first() == "MBSR").to_numpy()
        test = stats.ttest_ind(change[treated], change[~treated])
        table = harness.lmer("y ~ arm * time + (1 | id)", data).summary("kenward-roger")
        row = table.set_index("term").loc["armMBSR:timepost"]
        assert row["df"] == pytest.approx(68.0, rel=1e-12)
        assert row["statistic"] == pytest.approx(test.statistic, rel=1e-11)
        assert row["p_value"] == pytest.approx(test.pvalue, rel=1e-10)
        interval = test.confidence_interval()
        assert row["conf_low"] == pytest.approx(interval.low, rel=1e-10)
        assert row["conf_high"] == pytest.approx(interval.high, rel=1e-10)

    @pytest.mark.parametrize("subjects", [18, 5, 4])
    def test_joint_test_of_balanced_random_slopes_is_hotelling_t2(self, subjects: int) -> None:
        # With four subjects, hence 2 df, the general formula is 0/0; pbkrtest takes lambda = 1.
        data = classic("sleepstudy")
        first = list(data["Subject"].cat.categories[:subjects])
        data = data[data["Subject"].isin(first)]
        lines = [
            np.polynomial.polynomial.polyfit(rows["Days"], rows["Reaction"], 1)
            for _, rows in data.groupby("Subject", observed=True)
        ]
        own = np.array(lines)
        N, ell = own.shape
        assert subjects == N
        mean = own.mean(axis=0)
        t2 = N * mean @ np.linalg.solve(np.cov(own.T), mean)
        fit = harness.lmer(SLOPES, data)
        assert not fit.singular
        test = fit.kenward_roger.f_test(np.eye(2), fit.beta)
        assert test.den_df == pytest.approx(N - ell, rel=1e-9)
        assert test.scale == pytest.approx((N - ell) / (N - 1), rel=1e-9)
        assert test.f_value == pytest.approx(t2 * (N - ell) / (ell * (N - 1)), rel=1e-8)
        # For any contrasts of the two, too: the test does not hang on their spelling.
        turned = fit.kenward_roger.f_test(np.array([[1.0, 3.0], [2.0, -1.0]]), fit.beta)
        assert turned.f_value == pytest.approx(test.f_value, rel=1e-9)

    def test_balanced_blocks_have_the_anova_df_and_f(self) -> None:
        fit = fitted("cake")
        L = np.eye(len(fit.names))[[1, 2]]
        test = fit.kenward_roger.f_test(L, fit.beta)
        assert (test.den_df, test.scale) == pytest.approx((14 * 17, 1.0), rel=1e-11)


@pytest.mark.parametrize("A", [0.01, 0.3, 0.99, 1.5])
def test_one_contrast_agrees_with_the_general_formula(A: float) -> None:
    # With l = 1 and A1 = A2 = A: g = -1, c = (-1, 2, 4)/7, B = 7A/2.
    B, E = 3.5 * A, 1 / (1 - A)
    V = 2 * (1 - B / 7) / ((1 - 2 * B / 7) ** 2 * (1 - 4 * B / 7))
    m = 4 + 3 / (V / (2 * E**2) - 1)
    assert denominator(1, A, A) == pytest.approx((m, 1.0), rel=1e-12)
    assert denominator(1, A, A)[0] == pytest.approx(2 / A, rel=1e-12)
    assert m / (E * (m - 2)) == pytest.approx(1.0, rel=1e-12)


def test_lambda_is_one_near_two_df_where_no_exact_value_is_known() -> None:
    # Two contrasts with A1 = 2.1 A2: neither of the exact cases, 2 A2 and 2/3 A2.
    two = brentq(lambda A: denominator(2, 2.1 * A, A)[0] - 2.0, 1.8, 1.9, xtol=1e-14)
    m, scale = denominator(2, 2.1 * two, two)
    assert m == pytest.approx(2.0, abs=1e-9)
    assert scale == 1.0
    A = 0.98 * two
    m, scale = denominator(2, 2.1 * A, A)
    assert abs(m - 2.0) > 0.01
    assert scale == pytest.approx(m * (1 - A / 2) / (m - 2), rel=1e-12)


class TestInvariance:
    """Nothing may hang on a unit, an origin, a coding, or on how patients are summed."""

    @pytest.mark.parametrize("unit", [1e-6, 1e-2, 1e4, 1e9])
    @pytest.mark.parametrize("model", ["unbalanced-slopes", "two-wave", "btheb-trend"])
    def test_unit_of_the_outcome(self, model: str, unit: float) -> None:
        data, formula = MODELS[model]
        outcome = formula.split(" ~ ")[0]
        frame = data()
        base = fitted(model).kenward_roger
        other = harness.lmer(formula, frame.assign(**{outcome: frame[outcome] * unit}))
        assert off(other.kenward_roger.df(), base.df()) < 1e-8
        assert off(other.kenward_roger.std_error, unit * base.std_error) < 1e-9

    @pytest.mark.parametrize("unit", [1e-4, 1e-2, 1e3, 1e5])
    def test_unit_of_a_random_slope(self, unit: float) -> None:
        # pbkrtest's own answer changes here: 350,000 df for 17, without a warning.
        frame = classic("sleepstudy").sample(frac=0.8, random_state=1)
        base = harness.lmer(SLOPES, frame).kenward_roger
        other = harness.lmer(SLOPES, frame.assign(Days=frame["Days"] * unit)).kenward_roger
        assert off(other.df(), base.df()) < 1e-8
        assert off(other.std_error * [1.0, unit], base.std_error) < 1e-9

    @pytest.mark.parametrize("origin", [100.0, 2026.0, 1e5])
    def test_origin_of_a_random_slope(self, origin: float) -> None:
        frame = unbalanced()
        base = fitted("unbalanced-slopes").kenward_roger
        moved = harness.lmer("y ~ arm * t + (t | g)", frame.assign(t=frame["t"] + origin))
        for term in (2, 3):
            assert moved.kenward_roger.df()[term] == pytest.approx(base.df()[term], rel=1e-7)
            got, wanted = moved.kenward_roger.std_error[term], base.std_error[term]
            assert got == pytest.approx(wanted, rel=1e-8)

    @pytest.mark.parametrize("origin", [100.0, 10_000.0])
    def test_origin_of_a_random_slope_beside_other_factors(self, origin: float) -> None:
        formula, frame = "y ~ arm * t + (t | id) + (1 | rater)", sites()
        base = fitted("crossed-slopes").kenward_roger
        moved = harness.lmer(formula, frame.assign(t=frame["t"] + origin)).kenward_roger
        assert off(moved.df()[2:], base.df()[2:]) < 1e-7
        assert off(moved.std_error[2:], base.std_error[2:]) < 1e-8

    def test_coding_of_a_factor(self) -> None:
        frame = unbalanced()
        base, names = fitted("unbalanced-slopes").kenward_roger, fitted("unbalanced-slopes").names
        turned = frame.assign(arm=pd.Categorical(frame["arm"], categories=["B", "A"]))
        other = harness.lmer("y ~ arm * t + (t | g)", turned)
        L = np.array([[1.0, 1, 0, 0], [0, -1, 0, 0], [0, 0, 1, 1], [0, 0, 0, -1]])
        assert names == ("(Intercept)", "armB", "t", "armB:t")
        assert off(base.df(L), other.kenward_roger.df()) < 1e-9
        recoded = L @ base.vcov @ L.T
        assert off(np.sqrt(recoded.diagonal()), other.kenward_roger.std_error) < 1e-10

    @pytest.mark.parametrize("model", ["unbalanced-slopes", "btheb-visits", "cake-three-effects"])
    def test_patterns(self, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
        base = fitted(model)
        monkeypatch.setattr(
            crossproducts, "collapse", lambda A: (np.arange(len(A)), np.arange(len(A)))
        )
        data, formula = MODELS[model]
        alone = harness.lmer(formula, data())
        assert len(alone._problem.data.count) > len(base._problem.data.count)
        assert off(alone.kenward_roger.df(), base.kenward_roger.df()) < 1e-8
        assert off(alone.kenward_roger.std_error, base.kenward_roger.std_error) < 1e-9


def test_the_table_has_the_adjusted_error_and_what_follows_from_it() -> None:
    fit = fitted("unbalanced-slopes")
    table = fit.table("kenward-roger", 0.9)
    adjusted = np.sqrt(dense(fit).adjusted.diagonal())
    assert (table.std_error > 1.0005 * fit.table().std_error).all()
    assert off(table.std_error, adjusted) < 1e-10
    assert off(table.statistic, fit.beta / adjusted) < 1e-10
    assert off(table.p_value, 2 * stats.t.sf(np.abs(table.statistic), table.df)) < 1e-10
    wide = stats.t.ppf(0.95, table.df) * adjusted
    assert off(table.conf_high - table.conf_low, 2 * wide) < 1e-10
    frame = unbalanced()
    spec = ModelSpec(parse_formula("y ~ arm * t + (t | g)"), df_method="kenward-roger")
    estimates = PortEngine().fit(spec, frame)
    assert estimates.df_method == "kenward-roger"
    assert [row.std_error for row in estimates.fixed] == table.std_error.tolist()


def visits_at_one_time_only(seed: int = 1) -> pd.DataFrame:
    """Each patient at visit 0 or at visit 1, never both: two variances, but no covariance."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(25), [2] * 20 + [4] * 5)
    x = (g % 2).astype(float)
    y = rng.normal(size=60) + rng.normal(size=25)[g] * (1.0 + x)
    return pd.DataFrame({"g": pd.Categorical(g), "x": x, "y": y})


class TestUndetermined:
    def test_a_parameter_without_information_changes_nothing_when_nothing_hangs_on_it(self) -> None:
        frame = visits_at_one_time_only()
        full = harness.lmer("y ~ x + (x | g)", frame)
        determined = harness.lmer("y ~ x + (x || g)", frame).kenward_roger
        assert len(full.kenward_roger.undetermined) == 1
        assert len(determined.undetermined) == 0
        assert off(full.kenward_roger.df(), determined.df()) < 1e-7
        assert off(full.kenward_roger.std_error, determined.std_error) < 1e-8

    def test_a_factor_fixed_and_random_leaves_no_df(self) -> None:
        rng = np.random.default_rng(4)
        g = pd.Categorical(np.repeat(list("abcdef"), 10))
        frame = pd.DataFrame({"g": g, "y": rng.normal(size=60)})
        fit = harness.lmer("y ~ g + (1 | g)", frame)
        table = fit.table("kenward-roger")
        assert np.isnan(table.df).all()
        assert np.isnan(table.p_value).all()
        test = fit.kenward_roger.f_test(np.eye(6)[1:], fit.beta)
        assert math.isnan(test.den_df)
        assert math.isnan(test.p_value)

    def test_only_what_hangs_on_the_parameter_is_missing(self) -> None:
        # Each patient's own level is fixed: the levels' variance and its covariance with the
        # slope are lost on the data, the variance of the slope is not.
        frame = longitudinal(1, groups=8).rename(columns={"g": "id"})
        full = harness.lmer("y ~ id + t + (t | id)", frame)
        alone = harness.lmer("y ~ id + t + (0 + t | id)", frame)
        t = full.names.index("t")
        ours, wanted = full.table("kenward-roger"), alone.table("kenward-roger")
        assert len(full.kenward_roger.undetermined) == 2
        assert ours.df[t] == pytest.approx(wanted.df[t], rel=1e-6)
        assert ours.std_error[t] == pytest.approx(wanted.std_error[t], rel=1e-7)
        for column in (ours.df, ours.std_error, ours.p_value, ours.conf_low):
            assert np.isnan(column).tolist() == [name != "t" for name in full.names]
        assert np.isnan(full.kenward_roger.vcov[0]).all()
        assert full.kenward_roger.vcov[t, t] == pytest.approx(wanted.std_error[t] ** 2, rel=1e-6)

    def test_variances_far_above_the_residual_cost_no_digits(self) -> None:
        frame = classic("Dyestuff")
        step = 1e6 * frame["Batch"].cat.codes.astype(float) ** 2
        fit = harness.lmer("Yield ~ 1 + (1 | Batch)", frame.assign(Yield=frame["Yield"] + step))
        assert fit.theta[0] > 1e5
        assert fit.kenward_roger.df() == pytest.approx([5.0], rel=1e-9)

    def test_variances_of_very_different_size_cost_no_digits(self) -> None:
        frame = classic("sleepstudy")
        step = 1e6 * frame["Subject"].cat.codes.astype(float) ** 2
        fit = harness.lmer(SLOPES, frame.assign(Reaction=frame["Reaction"] + step))
        assert fit.theta[0] > 1e6 * fit.theta[2]
        assert len(fit.kenward_roger.undetermined) == 0
        assert fit.kenward_roger.df() == pytest.approx([17.0, 17.0], rel=1e-9)


class TestRefusals:
    def test_a_fit_by_ml(self) -> None:
        fit = harness.lmer(SLOPES, classic("sleepstudy"), reml=False)
        for ask in (fit.df, fit.table, fit.summary, fit.estimates):
            with pytest.raises(ModelError, match="Kenward-Roger needs a REML fit"):
                ask("kenward-roger")

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ([[0.0, 1.0], [0.0, 2.0]], "linearly dependent"),
            ([[0.0, 0.0]], "none of them zero"),
            ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], "linearly dependent"),
        ],
    )
    def test_contrasts_that_are_no_test(self, rows: list[list[float]], words: str) -> None:
        fit = fitted("sleepstudy-slopes")
        with pytest.raises(ModelError, match=words):
            fit.kenward_roger.f_test(np.array(rows), fit.beta)


def test_memory_is_that_of_patterns_not_of_rows() -> None:
    # 40,000 rows: one n x n matrix would be 12.8 GB, one n x p array 1.3 MB.
    fit = harness.lmer("y ~ arm * t + (t | g)", longitudinal_wide(10_000))
    fit.table()
    tracemalloc.start()
    fit.table("kenward-roger")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000, f"{peak} bytes"


def longitudinal_wide(patients: int) -> pd.DataFrame:
    """Four complete visits of many patients."""
    rng = np.random.default_rng(5)
    ids, t = np.repeat(np.arange(patients), 4), np.tile(np.arange(4.0), patients)
    b = rng.normal(size=(2, patients))
    y = b[0, ids] + 0.4 * b[1, ids] * t + rng.normal(size=len(ids))
    arm = pd.Categorical(np.where(ids % 2, "B", "A"))
    return pd.DataFrame({"y": y, "t": t, "arm": arm, "g": pd.Categorical(ids)})


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    models = {
        name: (
            data(),
            {
                "formula": formula,
                "theta": fitted(name).theta.tolist(),
                "contrasts": contrasts_of(fitted(name)).tolist(),
            },
        )
        for name, (data, formula) in MODELS.items()
    }
    script = Path(__file__).with_name("kenward_roger.R")
    return ask_r(script, tmp_path_factory.mktemp("pbkrtest"), models)


@pytest.mark.live_r
class TestPbkrtest:
    @pytest.mark.parametrize("model", MODELS)
    def test_every_number_at_the_same_theta(self, answers: dict, model: str) -> None:
        r, fit = answers[model], fitted(model)
        kr = fit.kenward_roger
        table = fit.table("kenward-roger")
        test = kr.f_test(contrasts_of(fit), fit.beta)
        length = np.sqrt(kr.vcov.diagonal())
        vcov = np.asarray(r["vcov"]).reshape(kr.vcov.shape)
        gaps = {
            "std_error": off(table.std_error, r["std_error"]),
            "df": off(table.df, r["df"]),
            "vcov": float(np.abs((kr.vcov - vcov) / np.outer(length, length)).max()),
            "den_df": off(test.den_df, r["den_df"]),
            "scale": off(test.scale, r["scale"]),
            "f_value": off(test.f_value, r["f_value"]),
        }
        assert test.num_df == r["num_df"]
        # Of crossed-large, theta up to 67, pbkrtest's df are 2e-10 from the truth: see below.
        limit = 1e-9 if model == "crossed-large" else 1e-10
        wrong = {name: gap for name, gap in gaps.items() if not gap <= limit}
        assert not wrong, wrong
        assert off(table.p_value, r["p_value"]) < 1e-8
        assert off(test.p_value, r["joint_p"]) < 1e-8

    @pytest.mark.parametrize("model", MODELS)
    def test_each_at_its_own_optimum(self, lme4: RLiveEngine, model: str) -> None:
        data, formula = MODELS[model]
        spec = ModelSpec(parse_formula(formula), df_method="kenward-roger")
        port, r = PortEngine().fit(spec, data()), lme4.fit(spec, data())
        assert port.df_method == r.df_method == "kenward-roger"
        assert [row.term for row in port.fixed] == [row.term for row in r.fixed]
        for ours, theirs in zip(port.fixed, r.fixed, strict=True):
            assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-6), ours.term
            assert ours.df == pytest.approx(theirs.df, rel=1e-5), ours.term
            assert math.isclose(ours.p_value, theirs.p_value, rel_tol=1e-3), ours.term
