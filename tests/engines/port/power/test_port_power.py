"""Power by simulated trials: against the noncentral t, direct simulation, and R."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from port_data import two_wave
from scipy import stats

import harness
from harness.engines.port.power.simulated import binomial_interval
from harness.errors import ModelError

TERM = "armMBSR:timepost"
SIMS = 20_000


@pytest.fixture(scope="module")
def fit() -> Any:
    return harness.lmer("y ~ arm * time + (1 | id)", two_wave())


def noncentral(effect: float, std_error: float, df: float, alpha: float = 0.05) -> float:
    quantile = stats.t.isf(alpha / 2, df)
    shift = effect / std_error
    return float(stats.nct.sf(quantile, df, shift) + stats.nct.cdf(-quantile, df, shift))


def std_error(fit: Any, term: str) -> float:
    return float(fit.summary().set_index("term").loc[term, "std_error"])


@pytest.mark.parametrize("effect", [0.0, 4.0, -8.0, 12.0])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_two_complete_waves_have_the_power_of_a_t_test_on_changes(
    fit: Any, effect: float, alpha: float
) -> None:
    found = harness.power(fit, TERM, n_sim=SIMS, alpha=alpha).at(effect)
    right = noncentral(effect, std_error(fit, TERM), 68, alpha)
    assert abs(found.power - right) <= 4 * math.sqrt(right * (1 - right) / SIMS)


def test_an_effect_that_is_added_is_one_that_is_simulated(fit: Any) -> None:
    """Shifting the errors gives the very trials that a response with the effect gives."""
    study = harness.power(fit, TERM, n_sim=40)
    column = fit.design.X[:, fit.names.index(TERM)]
    shifted = fit.refit(fit.simulate(40, seed=1) + 5.0 * column[:, None])
    j = fit.names.index(TERM)
    direct = shifted.beta[:, j] - fit.beta[j]
    assert direct == pytest.approx(study.error + 5.0, rel=1e-7)
    df, errors = shifted.df()[:, j], shifted.std_error[:, j]
    assert stats.t.isf(0.025, df) * errors == pytest.approx(study.half, rel=1e-6)
    found = np.abs(direct) > stats.t.isf(0.025, df) * errors
    assert study.at(5.0).power == found.mean()


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_the_detectable_effect_has_the_power_asked_for(fit: Any, power: float) -> None:
    study = harness.power(fit, TERM, n_sim=SIMS)
    size = study.detectable(power)
    assert study.at(size.effect + 1e-9).power == pytest.approx(power, abs=2 / SIMS)
    assert size.low < size.effect < size.high
    right = noncentral(size.effect, std_error(fit, TERM), 68)
    assert abs(right - power) <= 4 * math.sqrt(power * (1 - power) / SIMS)
    for end in (size.low, size.high):
        assert abs(noncentral(end, std_error(fit, TERM), 68) - power) < 6 * math.sqrt(
            power * (1 - power) / SIMS
        )


def test_ten_thousand_trials_of_seventy_women_take_less_than_ten_seconds() -> None:
    fit = harness.lmer("y ~ arm * time * z + (1 | id)", two_wave())
    begun = time.perf_counter()
    study = harness.power(fit, "armMBSR:timepost:z", n_sim=10_000)
    three_way = study.detectable(0.8)
    assert time.perf_counter() - begun < 10.0
    assert study.failed == 0
    assert 0.78 < study.at(three_way.effect).power < 0.82
    assert study.at(0.0).low < 0.05 < study.at(0.0).high


def test_weak_tests_exaggerate_and_sometimes_have_the_wrong_sign(fit: Any) -> None:
    study = harness.power(fit, TERM, n_sim=SIMS)
    weak, strong = study.at(0.5), study.at(12.0)
    assert weak.exaggeration > 10 > 1.1 > strong.exaggeration > 0.99
    assert weak.wrong_sign > 0.2 > strong.wrong_sign == 0.0
    nothing = study.at(0.0)
    assert math.isnan(nothing.exaggeration)
    assert math.isnan(nothing.wrong_sign)
    turned = study.at(-12.0)
    assert turned.wrong_sign == 0.0
    assert turned.power == pytest.approx(strong.power, abs=0.01)


@pytest.mark.parametrize("df", ["residual", "z"])
@pytest.mark.parametrize("effect", [0.0, 1.5, -3.0])
def test_a_linear_model_has_the_noncentral_t(effect: float, df: Any) -> None:
    frame = two_wave().drop_duplicates("id")
    fit = harness.lm("y ~ arm * z", frame)
    error = std_error(fit, "armMBSR:z")
    found = harness.power(fit, "armMBSR:z", n_sim=SIMS, df=df).at(effect * error)
    right = noncentral(effect * error, error, 66)
    if df == "z":
        draws = stats.nct.sf(stats.norm.isf(0.025), 66, effect)
        right = float(draws + stats.nct.cdf(-stats.norm.isf(0.025), 66, effect))
    assert abs(found.power - right) <= 4 * math.sqrt(right * (1 - right) / SIMS)


@pytest.mark.parametrize("formula", ["y ~ arm * time + (1 | id)", "y ~ arm * z"])
def test_the_seed_decides_and_a_longer_run_begins_with_the_shorter(formula: str) -> None:
    made = harness.lmer if "|" in formula else harness.lm
    fit = made(formula, two_wave())
    term = fit.names[-1]
    short, again, longer, other = (
        harness.power(fit, term, n_sim=n, seed=seed) for n, seed in
        ((100, 1), (100, 1), (300, 1), (100, 2))
    )  # fmt: skip
    assert short.error.tobytes() == again.error.tobytes()
    assert longer.error[:100] == pytest.approx(short.error, rel=1e-9)
    assert not np.allclose(other.error, short.error)


def test_trials_without_a_fit_find_nothing(fit: Any) -> None:
    from dataclasses import replace

    study = harness.power(fit, TERM, n_sim=1000)
    fewer = replace(study, error=study.error[:700], half=study.half[:700], failed=300)
    assert fewer.at(1e9).power == 0.7
    assert fewer.at(1e9).mc_se == pytest.approx(math.sqrt(0.7 * 0.3 / 1000))
    with pytest.raises(ModelError, match="300 of 1000 simulated trials cannot be fitted"):
        fewer.detectable(0.8)
    assert fewer.detectable(0.6).effect > study.detectable(0.6).effect
    assert math.isinf(fewer.detectable(0.69).high)


def test_the_exact_interval_of_a_share() -> None:
    from statsmodels.stats.proportion import proportion_confint

    for hits, trials in ((0, 50), (3, 50), (25, 50), (50, 50), (412, 1000)):
        wanted = proportion_confint(hits, trials, method="beta")
        assert binomial_interval(hits, trials) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


REFUSED = {
    "no-term": ({"term": "armCBT"}, "no coefficient `armCBT`; there are: (Intercept), armMBSR"),
    "no-alpha": ({"alpha": 1.0}, "alpha must lie between 0 and 1"),
    "no-trials": ({"n_sim": 0}, "n_sim must be a number of replicates"),
    "no-seed": ({"seed": -1}, "seed must be a whole number"),
    "kenward-roger": ({"df": "kenward-roger"}, "give df='satterthwaite'"),
    "no-method": ({"df": "between"}, "no df method is called 'between'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_one_line(fit: Any, case: str) -> None:
    given, words = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        harness.power(fit, **{"term": TERM, "n_sim": 10, **given})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("power", [0.05, 1.0, 0.01, "0.8"])
def test_a_power_that_is_none_is_refused(fit: Any, power: Any) -> None:
    with pytest.raises(ModelError, match=r"power must lie between alpha = 0\.05 and 1"):
        harness.power(fit, TERM, n_sim=10).detectable(power)


SCRIPT = """
given <- commandArgs(TRUE)
d <- read.csv(given[1L])
d$arm <- factor(d$arm, c("TAU", "MBSR"))
d$time <- factor(d$time, c("pre", "post"))
m <- lmerTest::lmer(y ~ arm * time + (1 | id), d)
set.seed(20)
b <- lme4::fixef(m); b["armMBSR:timepost"] <- as.numeric(given[3L])
Y <- simulate(m, 400, newparams = list(beta = b, theta = lme4::getME(m, "theta"), sigma = sigma(m)))
p <- vapply(Y, function(y) {
  d$y <- y
  coef(summary(lmerTest::lmer(y ~ arm * time + (1 | id), d)))[4L, 5L]
}, 0)
cat(mean(p < 0.05), file = given[2L])
"""


@pytest.mark.live_r
@pytest.mark.exhaustive
def test_r_finds_as_often(fit: Any, r_home: Any, tmp_path: Any) -> None:
    import subprocess

    data, out, script = tmp_path / "d.csv", tmp_path / "share", tmp_path / "power.R"
    two_wave().drop(columns="z").to_csv(data, index=False)
    script.write_text(SCRIPT, encoding="utf-8")
    command = [str(r_home / "bin" / "Rscript"), str(script), str(data), str(out), "6"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    share = float(out.read_text())
    right = harness.power(fit, TERM, n_sim=SIMS).at(6.0).power
    assert abs(share - right) <= 4 * math.sqrt(right * (1 - right) / 400)
