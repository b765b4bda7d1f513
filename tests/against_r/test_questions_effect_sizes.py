"""Effect sizes and adjusted p values from R, against closed forms, scipy and statsmodels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from question_cases import change, patients
from r_examples import spec, trial
from scipy import stats

import harness
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError

METHODS = ["satterthwaite", "kenward-roger", "residual", "z"]


@pytest.mark.parametrize("method", METHODS)
def test_standardised_contrasts_are_the_ports_divided(lme4: RLiveEngine, method: Any) -> None:
    fit = harness.lmer("y ~ arm * week + (week | id)", patients())
    model = spec("y ~ arm * week + (week | id)", df_method=method)
    L = np.array([0.0, 1.0, 0.0, 12.0])
    V = fit.covariance(method)
    se, df = math.sqrt(L @ V @ L), fit.contrast_df(L[None, :], method)[0]
    half = (stats.t.ppf(0.975, df) if math.isfinite(df) else stats.norm.ppf(0.975)) * se
    used = patients().dropna(subset=["y"])
    first = used.drop_duplicates("id")
    squares = first.groupby("arm", observed=True)["base"].agg(["var", "size"])
    baseline = math.sqrt((squares["var"] * (squares["size"] - 1)).sum() / (len(first) - 2))
    term = {row.term: row.estimate for row in fit.varcorr}
    s0, s1 = term["sd(id:(Intercept))"], term["sd(id:week)"]
    c = term["cor(id:(Intercept),week)"] * s0 * s1
    week = used["week"].to_numpy()
    total = math.sqrt(np.mean(s0**2 + 2 * c * week + s1**2 * week**2) + fit.sigma**2)
    sds = {"residual": fit.sigma, "total": total, "baseline": baseline, "given": 12.5}
    for by_sd, sd in sds.items():
        more = {"baseline": "base", "arm": "arm", "per": "id"} if by_sd == "baseline" else {}
        given = {"sd": 12.5} if by_sd == "given" else {}
        answer = lme4.ask(
            "effect_size",
            model,
            patients(),
            of={"d": L},
            by_sd=by_sd,
            theta=fit.theta,
            **more,
            **given,
        )
        row = answer["rows"][0]
        assert answer["sd"] == pytest.approx(sd, rel=1e-9)
        assert row["estimate"] == pytest.approx(L @ fit.beta / sd, rel=1e-8)
        assert row["conf_low"] == pytest.approx((L @ fit.beta - half) / sd, rel=1e-5)
        assert row["conf_high"] == pytest.approx((L @ fit.beta + half) / sd, rel=1e-5)


def test_hedges_g_and_its_exact_interval(lme4: RLiveEngine) -> None:
    frame = change()
    asked = {"outcome": "y", "arm": "arm", "compare": ["B", "A"]}
    found = lme4.ask("hedges_g", None, frame, **asked)
    x, y = (frame["y"][frame["arm"] == arm].to_numpy() for arm in "BA")
    m = len(x) + len(y) - 2
    pooled = math.sqrt(((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)) / m)
    d = (x.mean() - y.mean()) / pooled
    correction = math.gamma(m / 2) / (math.sqrt(m / 2) * math.gamma((m - 1) / 2))
    assert found["d"] == pytest.approx(d, rel=1e-13)
    assert found["g"] == pytest.approx(correction * d, rel=1e-13)
    assert found["p_value"] == pytest.approx(stats.ttest_ind(x, y).pvalue, rel=1e-11)
    root = math.sqrt(1 / len(x) + 1 / len(y))
    t = d / root
    assert stats.nct.cdf(t, m, found["d_low"] / root) == pytest.approx(0.975, abs=1e-9)
    assert stats.nct.cdf(t, m, found["d_high"] / root) == pytest.approx(0.025, abs=1e-9)
    assert found["conf_low"] == pytest.approx(correction * found["d_low"], rel=1e-13)


def test_partial_eta_squared_and_its_interval(lme4: RLiveEngine) -> None:
    answer = lme4.ask("partial_eta_squared", spec("y ~ dose + base"), change())
    fit = harness.lm("y ~ dose + base", change())
    rss = fit.sigma**2 * fit.df_residual
    for row, (_, ours) in zip(answer["rows"], fit.anova().iterrows(), strict=True):
        assert row["estimate"] == pytest.approx(ours["sum_sq"] / (ours["sum_sq"] + rss), rel=1e-9)
        for end, tail in (("conf_low", 0.95), ("conf_high", 0.05)):
            eta = row[end]
            ncp = eta / (1 - eta) * (row["num_df"] + row["den_df"] + 1)
            below = stats.ncf.cdf(row["f_value"], row["num_df"], row["den_df"], ncp)
            if eta > 0:
                assert below == pytest.approx(tail, abs=1e-7)
            else:
                assert below <= tail


def test_partial_eta_squared_of_a_mixed_model_is_refused(lme4: RLiveEngine) -> None:
    with pytest.raises(ModelError, match="linear models only"):
        lme4.ask("partial_eta_squared", spec("y ~ arm + (1 | id)"), trial(1))


STATSMODELS = {
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "hommel": "hommel",
    "BH": "fdr_bh",
    "BY": "fdr_by",
    "bonferroni": "bonferroni",
    "sidak": "sidak",
    "sidak-holm": "holm-sidak",
}


@pytest.mark.parametrize("method", STATSMODELS)
def test_adjusted_p_values_are_statsmodels(lme4: RLiveEngine, method: str) -> None:
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(3)
    for p in (rng.uniform(size=12) ** 3, np.array([0.02, 0.02, 0.5, 0.999, 0.0]), np.array([0.03])):
        wanted = multipletests(p, method=STATSMODELS[method])[1]
        rows = lme4.ask("adjust", p_values=p, method=method)["rows"]
        assert [row["p_adjusted"] for row in rows] == pytest.approx(wanted, rel=1e-12)
        assert [row["p_value"] for row in rows] == p.tolist()


def test_a_missing_p_value_stays_missing_and_does_not_count(lme4: RLiveEngine) -> None:
    asked = {"p_values": [0.01, float("nan"), 0.02], "names": ["a", "b", "c"]}
    found = lme4.ask("adjust", method="bonferroni", **asked)
    assert [row["p_adjusted"] for row in found["rows"]] == [0.02, None, 0.04]
    more = lme4.ask("adjust", method="bonferroni", n=10, **asked)
    assert [row["p_adjusted"] for row in more["rows"]] == [0.1, None, 0.2]
    assert [row["name"] for row in more["rows"]] == ["a", "b", "c"]
