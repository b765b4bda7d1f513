"""Closed forms a two-wave trial must give, and no tolerance for luck: limits are rounding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from port_data import classic, two_wave
from scipy import stats

import harness

FORMULA = "y ~ arm * time + (1 | id)"
INTERACTION = "armMBSR:timepost"


def changes(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    wide = frame.pivot(index="id", columns="time", values="y")
    arm = frame.groupby("id", observed=True)["arm"].first()
    change = (wide["post"] - wide["pre"]).to_numpy()
    treated = (arm == "MBSR").to_numpy()
    return change[treated], change[~treated]


def row(frame: pd.DataFrame, term: str = INTERACTION) -> pd.Series:
    return frame.set_index("term").loc[term]


@pytest.fixture(scope="module")
def trial() -> pd.DataFrame:
    return two_wave()


def test_reml_interaction_is_the_t_test_on_change(trial: pd.DataFrame) -> None:
    treated, control = changes(trial)
    test = stats.ttest_ind(treated, control)
    pooled = np.sqrt((treated.var(ddof=1) + control.var(ddof=1)) / 2 * (2 / 35))
    got = row(harness.lmer(FORMULA, trial).summary())
    assert got["estimate"] == pytest.approx(treated.mean() - control.mean(), rel=1e-12)
    assert got["std_error"] == pytest.approx(pooled, rel=1e-11)
    assert got["df"] == pytest.approx(68.0, rel=1e-10)
    assert got["statistic"] == pytest.approx(test.statistic, rel=1e-11)
    assert got["p_value"] == pytest.approx(test.pvalue, rel=1e-10)
    interval = test.confidence_interval()
    assert got["conf_low"] == pytest.approx(interval.low, rel=1e-11)
    assert got["conf_high"] == pytest.approx(interval.high, rel=1e-11)


def test_ml_statistic_is_larger_by_the_root_of_70_over_68_on_70_df(trial: pd.DataFrame) -> None:
    reml = row(harness.lmer(FORMULA, trial).summary())
    ml = row(harness.lmer(FORMULA, trial, reml=False).summary())
    assert ml["estimate"] == pytest.approx(reml["estimate"], rel=1e-12)
    assert ml["statistic"] / reml["statistic"] == pytest.approx(np.sqrt(70 / 68), rel=1e-11)
    assert ml["df"] == pytest.approx(70.0, rel=1e-10)


def test_unstructured_residual_gives_the_same_estimate_and_error(trial: pd.DataFrame) -> None:
    # Generalised least squares with the REML unstructured covariance of (pre, post), closed form:
    # with complete data and a saturated mean it is the pooled within-arm covariance.
    wide = trial.pivot(index="id", columns="time", values="y").to_numpy()
    treated = trial.groupby("id", observed=True)["arm"].first().eq("MBSR").to_numpy()
    residual = wide.copy()
    for group in (treated, ~treated):
        residual[group] -= residual[group].mean(axis=0)
    Sigma = residual.T @ residual / (len(wide) - 2)
    contrast = np.array([-1.0, 1.0])
    estimate = contrast @ (wide[treated].mean(axis=0) - wide[~treated].mean(axis=0))
    error = np.sqrt(contrast @ Sigma @ contrast * 2 / 35)
    got = row(harness.lmer(FORMULA, trial).summary())
    assert got["estimate"] == pytest.approx(estimate, rel=1e-12)
    assert got["std_error"] == pytest.approx(error, rel=1e-11)


def test_squared_statistic_is_the_mixed_anova_interaction(trial: pd.DataFrame) -> None:
    treated, control = changes(trial)
    F = stats.f_oneway(treated, control).statistic
    got = row(harness.lmer(FORMULA, trial).summary())
    assert got["statistic"] ** 2 == pytest.approx(F, rel=1e-11)


def test_moderated_interaction_is_the_regression_of_change(trial: pd.DataFrame) -> None:
    wide = trial.pivot(index="id", columns="time", values="y")
    first = trial.drop_duplicates("id").set_index("id")
    change = pd.DataFrame(
        {"change": wide["post"] - wide["pre"], "arm": first["arm"], "z": first["z"]}
    )
    ols = row(harness.lm("change ~ arm * z", change).summary(), "armMBSR:z")
    lmm = row(harness.lmer("y ~ arm * time * z + (1 | id)", trial).summary(), "armMBSR:timepost:z")
    for quantity in ("estimate", "std_error", "df", "statistic", "p_value"):
        assert lmm[quantity] == pytest.approx(ols[quantity], rel=1e-9), quantity
    assert lmm["df"] == pytest.approx(66.0, rel=1e-10)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
def test_negative_correlation_is_reproduced_as_a_boundary_fit(reml: bool) -> None:
    trial = two_wave(seed=3, correlation=-0.5)
    treated, control = changes(trial)
    fit = harness.lmer(FORMULA, trial, reml=reml)
    got = row(fit.summary())
    assert fit.singular
    assert fit.theta.tolist() == [0.0]
    assert fit.optimum.boundary
    assert fit.optimum.kkt > 0.0
    assert any("singular" in message for message in fit.messages)
    # Without a random intercept the model is least squares on all 140 rows.
    ols = row(harness.lm("y ~ arm * time", trial).summary())
    scale = 1.0 if reml else np.sqrt(136 / 140)
    assert got["std_error"] == pytest.approx(ols["std_error"] * scale, rel=1e-12)
    assert got["df"] == pytest.approx(136.0 if reml else 140.0, rel=1e-12)
    pooled = np.sqrt((treated.var(ddof=1) + control.var(ddof=1)) / 2 * (2 / 35))
    assert got["std_error"] < 0.9 * pooled


def test_normal_interval_is_shorter_by_the_ratio_of_quantiles(trial: pd.DataFrame) -> None:
    fit = harness.lmer(FORMULA, trial)
    z, t = row(fit.summary(df="z")), row(fit.summary())
    ratio = (z["conf_high"] - z["conf_low"]) / (t["conf_high"] - t["conf_low"])
    assert ratio == pytest.approx(stats.norm.ppf(0.975) / stats.t.ppf(0.975, 68), rel=1e-10)
    assert ratio == pytest.approx(0.982207, abs=5e-7)


@pytest.mark.parametrize(
    ("recode", "factor"),
    [
        (lambda d: d.assign(y=np.log10(d["y"] + 100)), "log10"),
        (lambda d: d.assign(y=-d["y"]), "negated"),
    ],
    ids=["log10", "negated"],
)
def test_outcome_scale_moves_the_estimate_alone(recode, factor, trial: pd.DataFrame) -> None:
    base = trial.assign(y=np.log(trial["y"] + 100)) if factor == "log10" else trial
    reference = row(harness.lmer(FORMULA, base).summary())
    got = row(harness.lmer(FORMULA, recode(trial)).summary())
    scale = {"log10": np.log10(np.e), "negated": -1.0}[factor]
    assert got["estimate"] == pytest.approx(scale * reference["estimate"], rel=1e-10)
    assert got["df"] == pytest.approx(reference["df"], rel=1e-9)
    assert got["p_value"] == pytest.approx(reference["p_value"], rel=1e-8)


def test_balanced_one_way_layout_is_the_anova_estimator() -> None:
    frame = classic("Dyestuff")
    between = frame.groupby("Batch", observed=True)["Yield"].agg(["mean", "var"])
    error = between["var"].mean()
    batch = between["mean"].var() - error / 5
    fit = harness.lmer("Yield ~ 1 + (1 | Batch)", frame)
    components = {part.term: part.estimate for part in fit.varcorr}
    assert components["sd(Batch:(Intercept))"] == pytest.approx(np.sqrt(batch), rel=1e-11)
    assert components["sigma"] == pytest.approx(np.sqrt(error), rel=1e-12)
    got = row(fit.summary(), "(Intercept)")
    assert got["df"] == pytest.approx(5.0, rel=1e-9)
    assert got["std_error"] == pytest.approx(np.sqrt(between["mean"].var() / 6), rel=1e-12)


def test_sleepstudy_is_what_everybody_prints() -> None:
    """The digits of lme4's documentation and of Bates et al. (2015)."""
    fit = harness.lmer("Reaction ~ Days + (Days | Subject)", classic("sleepstudy"))
    got = {part.term: round(part.estimate, 4) for part in fit.varcorr}
    assert got == {
        "sd(Subject:(Intercept))": 24.7405,
        "sd(Subject:Days)": 5.9221,
        "cor(Subject:(Intercept),Days)": 0.0656,
        "sigma": 25.5918,
    }
    assert [round(value, 4) for value in fit.theta] == [0.9667, 0.0152, 0.2309]
    found = fit.statistics
    assert [round(v, 3) for v in (found.criterion, found.loglik)] == [1743.628, -871.814]
    assert [round(v, 3) for v in (found.aic, found.bic)] == [1755.628, 1774.786]
    assert (fit.n_obs, fit.groups, fit.singular) == (180, {"Subject": 18}, False)


def test_balanced_slopes_are_the_regression_of_the_patients_coefficients() -> None:
    frame = classic("sleepstudy")
    lines = np.array(
        [
            np.polyfit(d["Days"], d["Reaction"], 1)[::-1]
            for _, d in frame.groupby("Subject", observed=True)
        ]
    )
    table = harness.lmer("Reaction ~ Days + (Days | Subject)", frame).summary()
    np.testing.assert_allclose(table["estimate"], lines.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        table["std_error"], lines.std(axis=0, ddof=1) / np.sqrt(18), rtol=1e-11
    )
    np.testing.assert_allclose(table["df"], [17.0, 17.0], rtol=1e-9)


def test_a_fit_shows_what_it_is() -> None:
    data = classic("sleepstudy")
    shown = repr(harness.lmer("Reaction ~ Days + (Days | Subject)", data))
    assert shown == (
        "<Fit Reaction ~ Days + (Days | Subject): REML criterion 1743.6283, 180 rows, Subject 18>"
    )
    assert repr(harness.lm("Reaction ~ Days", data)) == (
        "<LinearFit Reaction ~ Days: sigma 47.7147, 180 rows>"
    )
