"""What the reference answers, against plain R that shares none of its code."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from r_examples import CLASSICS, SLEEP, classic, sleepstudy, spec, trial

import harness
from harness.engines.r.engine import RLiveEngine
from harness.engines.r.scripts import scripts_folder
from harness.errors import ModelError
from harness.models.record import Estimates

RScript = Callable[..., str]

PLAIN = """
suppressMessages(library(lmerTest))
d <- read.csv(commandArgs(TRUE)[1]); d[[commandArgs(TRUE)[2]]] <- factor(d[[commandArgs(TRUE)[2]]])
say <- function(name, x) cat(sprintf("%s\\t%.17g\\n", name, x), sep = "")
"""


def plain_r(rscript: RScript, tmp_path: Path, data: str, group: str, code: str) -> dict[str, float]:
    """Numbers by name from a few lines of R on a CSV file."""
    script = tmp_path / "plain.R"
    script.write_text(PLAIN + code, encoding="utf-8")
    said = rscript("", str(script), data, group)
    pairs = (line.split("\t") for line in said.splitlines() if "\t" in line)
    return {name: float(value) for name, value in pairs}


def numbers(found: Estimates) -> dict[str, float]:
    flat = {row.term: row.estimate for row in found.random}
    for row in found.fixed:
        for quantity in ("estimate", "std_error", "df", "statistic", "p_value", "conf_low"):
            flat[f"{quantity} {row.term}"] = getattr(row, quantity)
    flat.update(
        criterion=found.fit.criterion,
        loglik=found.fit.loglik,
        aic=found.fit.aic,
        bic=found.fit.bic,
    )
    return flat


# A default fit of plain lmer stops early (xtol_rel = 1e-4); these agree to what it reaches there.
@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
def test_sleepstudy_is_what_a_plain_lmer_says(
    lme4: RLiveEngine, rscript: RScript, tmp_path: Path, reml: bool
) -> None:
    code = f"""
    m <- lmer(Reaction ~ Days + (Days | Subject), d, REML = {"TRUE" if reml else "FALSE"})
    co <- coef(summary(m)); v <- VarCorr(m)$Subject
    for (t in rownames(co)) {{
      say(paste("estimate", t), co[t, 1]); say(paste("std_error", t), co[t, 2])
      say(paste("df", t), co[t, 3]); say(paste("statistic", t), co[t, 4])
      say(paste("p_value", t), co[t, 5])
      say(paste("conf_low", t), co[t, 1] - qt(0.975, co[t, 3]) * co[t, 2])
    }}
    say("sd(Subject:(Intercept))", attr(v, "stddev")[1])
    say("sd(Subject:Days)", attr(v, "stddev")[2])
    say("cor(Subject:(Intercept),Days)", attr(v, "correlation")[2]); say("sigma", sigma(m))
    say("criterion", if (isREML(m)) REMLcrit(m) else -2 * logLik(m))
    say("loglik", logLik(m)); say("aic", AIC(m)); say("bic", BIC(m))
    """
    plain = plain_r(rscript, tmp_path, str(CLASSICS / "sleepstudy.csv"), "Subject", code)
    found = lme4.fit(spec(SLEEP, reml=reml), sleepstudy())
    ours = numbers(found)
    assert set(ours) == set(plain)
    for name, value in plain.items():
        tolerance = 1e-2 if name.startswith(("p_value", "cor(")) else 1e-4
        assert ours[name] == pytest.approx(value, rel=tolerance, abs=0), name
    assert ours["criterion"] <= plain["criterion"] + 1e-10
    assert (found.engine, found.n_obs, found.groups, found.reml) == (
        "lme4",
        180,
        {"Subject": 18},
        reml,
    )
    assert not found.singular
    assert found.converged


def test_the_reference_is_lower_than_lmers_default_on_a_flat_criterion(
    lme4: RLiveEngine, rscript: RScript, tmp_path: Path
) -> None:
    """lmer's default stops up to 1e-3 deviance units high on some of these; ours never is."""
    gains = []
    trials = [trial(seed) for seed in range(6)]
    pd.concat([frame.assign(seed=seed) for seed, frame in enumerate(trials)]).to_csv(
        tmp_path / "trials.csv", index=False
    )
    code = """
    for (s in unique(d$seed))
      say(s, REMLcrit(lme4::lmer(y ~ arm * week + (week | id), d[d$seed == s, ])))
    """
    plain = plain_r(rscript, tmp_path, str(tmp_path / "trials.csv"), "id", code)
    for seed, frame in enumerate(trials):
        found = lme4.fit(spec("y ~ arm * week + (week | id)"), frame)
        gains.append(plain[str(seed)] - found.fit.criterion)
        assert found.quality is not None
        assert found.quality.clean, found.quality.reasons
        assert found.quality.criterion_gap <= 1e-9
    assert min(gains) >= -1e-10, gains
    assert max(gains) > 1e-9, f"no flat case among the seeds: {gains}"


def test_the_quality_record_says_how_the_optimum_was_reached(lme4: RLiveEngine) -> None:
    quality = lme4.fit(spec(SLEEP), sleepstudy()).quality
    assert quality is not None
    assert quality.optimizers == ("nloptwrap", "bobyqa")
    assert quality.clean
    assert quality.reasons == ()
    assert 0 <= quality.criterion_gap <= 1e-9
    assert quality.evaluations > 60  # lmer's default needs 43: xtol_rel = 0 is in force
    assert quality.gradient_norm < 1e-7


def test_a_boundary_fit_is_marked_and_still_clean(lme4: RLiveEngine) -> None:
    found = lme4.fit(spec("Yield ~ 1 + (1 | Batch)"), classic("Dyestuff2", "Batch"))
    assert found.singular
    assert found.theta == (0.0,)
    assert found.min_eigen == 0.0
    assert found.messages == ("boundary (singular) fit: see help('isSingular')",)
    assert found.quality is not None
    assert found.quality.clean
    assert math.isnan(found.quality.gradient_norm)


def test_rs_warnings_are_data_and_make_the_reference_not_clean(lme4: RLiveEngine) -> None:
    frame = trial(1, slope_sd=0.6)
    frame["dose"] = frame["y"].rank() * 1e7 + frame["week"]
    found = lme4.fit(spec("y ~ week + dose + (1 | id)"), frame)
    assert any("very different scales" in message for message in found.messages)
    assert found.quality is not None
    assert not found.quality.clean
    assert any("very different scales" in reason for reason in found.quality.reasons)


def test_an_outcome_too_small_for_lmertests_derivatives_is_not_clean(lme4: RLiveEngine) -> None:
    """lmerTest's df of one model change with the unit of the outcome; they must not."""
    frame = trial(1, slope_sd=0.6)
    small = lme4.fit(spec("y ~ week + (1 | id)"), frame.assign(y=frame["y"] * 1e-7))
    plain = lme4.fit(spec("y ~ week + (1 | id)"), frame)
    assert plain.quality is not None
    assert plain.quality.clean
    assert small.quality is not None
    assert not small.quality.clean
    assert "numeric derivatives step past sigma" in small.quality.reasons[0]
    assert abs(small.fixed[0].df / plain.fixed[0].df - 1) > 0.01


def test_a_dropped_column_is_said(lme4: RLiveEngine) -> None:
    frame = trial(1, slope_sd=0.6).assign(twice=lambda d: 2 * d["week"])
    found = lme4.fit(spec("y ~ week + twice + (1 | id)"), frame)
    assert [row.term for row in found.fixed] == ["(Intercept)", "week"]
    assert any("rank deficient" in message for message in found.messages)
    assert found.quality is not None
    assert found.quality.clean, "the columns are compared by themselves; the optimum is one"
    linear = lme4.fit(spec("y ~ week + twice"), frame)
    assert [row.term for row in linear.fixed] == ["(Intercept)", "week"]
    assert linear.messages == ("coefficients not estimable and left out: twice",)


@pytest.mark.parametrize(
    ("frame", "formula", "reason"),
    [
        (trial(1).assign(y=1.0), "y ~ week + (1 | id)", "(?i)constant"),
        (trial(1), "y ~ week + (1 + week + I(week^2) + I(week^3) | id)", "observations"),
        (trial(1).assign(id=pd.Categorical(["p"] * len(trial(1)))), "y ~ 1 + (1 | id)", "level"),
        (trial(1).assign(y=float("nan")), "y ~ week + (1 | id)", "0 \\(non-NA\\) cases"),
    ],
    ids=["constant", "too-many-effects", "one-group", "all-missing"],
)
def test_a_model_r_refuses_is_a_model_error_in_rs_words(
    lme4: RLiveEngine, frame: pd.DataFrame, formula: str, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason) as refusal:
        lme4.fit(spec(formula), frame)
    assert str(refusal.value).startswith("R refuses `y ~ ")


DF_CODE = """
m <- lmer(Reaction ~ Days + (Days | Subject), d, REML = {reml}, control = lmerControl(
  optCtrl = list(xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0)))
co <- {table}
for (t in rownames(co)) {{ say(paste("std_error", t), co[t, 2]); say(paste("df", t), {df}) }}
"""


@pytest.mark.parametrize(
    ("method", "reml", "table", "df"),
    [
        ("satterthwaite", "TRUE", 'coef(summary(m, ddf = "Satterthwaite"))', "co[t, 3]"),
        ("satterthwaite", "FALSE", 'coef(summary(m, ddf = "Satterthwaite"))', "co[t, 3]"),
        (
            "kenward-roger",
            "TRUE",
            "cbind(coef(summary(m))[, 1], sqrt(diag(as.matrix(pbkrtest::vcovAdj(m)))))",
            "pbkrtest::get_Lb_ddf(m, as.numeric(rownames(co) == t))",
        ),
        ("residual", "TRUE", "coef(summary(m))", "178"),
        ("z", "TRUE", "coef(summary(m))", "Inf"),
    ],
    ids=["satterthwaite", "satterthwaite-ml", "kenward-roger", "residual", "z"],
)
def test_degrees_of_freedom(
    lme4: RLiveEngine,
    rscript: RScript,
    tmp_path: Path,
    method: Any,
    reml: str,
    table: str,
    df: str,
) -> None:
    frame = sleepstudy().iloc[:-7]  # unbalanced, so that methods differ
    frame.to_csv(tmp_path / "sleep.csv", index=False)
    code = DF_CODE.format(reml=reml, table=table, df=df.replace("178", "171"))
    plain = plain_r(rscript, tmp_path, str(tmp_path / "sleep.csv"), "Subject", code)
    found = lme4.fit(spec(SLEEP, df_method=method, reml=reml == "TRUE"), frame)
    ours = numbers(found)
    for name, value in plain.items():
        assert ours[name] == pytest.approx(value, rel=1e-6, abs=0), name
    assert found.df_method == method


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
def test_the_covariance_of_the_coefficients_is_there(lme4: RLiveEngine, method: Any) -> None:
    """Its diagonal is the errors squared; beside Kenward-Roger's stands the one it adjusts."""
    found = lme4.fit(spec(SLEEP, df_method=method), sleepstudy().iloc[:-7])
    fit = harness.lmer(SLEEP, sleepstudy().iloc[:-7])
    assert found.vcov is not None
    assert found.vcov == pytest.approx(fit.vcov, rel=1e-6)
    used = found.vcov
    if method == "kenward-roger":
        assert found.vcov_adjusted is not None
        used = found.vcov_adjusted
        assert used == pytest.approx(fit.covariance("kenward-roger"), rel=1e-6)
    else:
        assert found.vcov_adjusted is None
    errors = [row.std_error for row in found.fixed]
    assert [used[k][k] ** 0.5 for k in range(2)] == pytest.approx(errors, rel=1e-13)


def test_kenward_roger_on_ml_is_refused(lme4: RLiveEngine) -> None:
    with pytest.raises(ModelError, match="Kenward-Roger needs a REML fit"):
        lme4.fit(spec(SLEEP, df_method="kenward-roger", reml=False), sleepstudy())


@pytest.mark.parametrize(
    ("days", "trouble"),
    [(1.0, ""), (1e-3, "dropped a covariance parameter"), (1e4, "cannot invert the information")],
    ids=["as-is", "in-thousands", "in-ten-thousandths"],
)
def test_kenward_roger_df_that_hang_on_a_unit_are_no_reference(
    lme4: RLiveEngine, days: float, trouble: str
) -> None:
    # pbkrtest gives the slope 3,445 df for 17 where Days counts thousands, without a warning.
    frame = sleepstudy().sample(frac=0.8, random_state=1)
    frame = frame.assign(Days=frame["Days"] * days)
    found = lme4.fit(spec(SLEEP, df_method="kenward-roger"), frame)
    assert found.quality is not None
    assert found.quality.clean == (trouble == "")
    if found.quality.clean:
        assert found.fixed[1].df == pytest.approx(17, abs=0.2)
    assert not trouble or any(trouble in reason for reason in found.quality.reasons)


def test_the_interval_has_the_level_asked(lme4: RLiveEngine) -> None:
    wide = lme4.fit(spec(SLEEP, df_method="z", conf_level=0.99), sleepstudy()).fixed[1]
    assert (wide.conf_high - wide.estimate) / wide.std_error == pytest.approx(2.5758293035489004)


def test_linear_model_is_what_lm_says(lme4: RLiveEngine, rscript: RScript, tmp_path: Path) -> None:
    code = """
    m <- lm(angle ~ recipe * temp, d); co <- coef(summary(m))
    for (t in rownames(co)) {
      say(paste("estimate", t), co[t, 1]); say(paste("std_error", t), co[t, 2])
      say(paste("df", t), df.residual(m)); say(paste("statistic", t), co[t, 3])
      say(paste("p_value", t), co[t, 4]); say(paste("conf_low", t), confint(m)[t, 1]) }
    say("sigma", sigma(m)); say("criterion", -2 * logLik(m)); say("loglik", logLik(m))
    say("aic", AIC(m)); say("bic", BIC(m))
    """
    plain = plain_r(rscript, tmp_path, str(CLASSICS / "cake.csv"), "recipe", code)
    found = lme4.fit(spec("angle ~ recipe * temp"), classic("cake", "recipe"))
    assert numbers(found) == pytest.approx(plain, rel=1e-13)
    assert (found.engine, found.df_method, found.reml, found.groups) == (
        "lm",
        "residual",
        False,
        {},
    )


def test_the_criterion_at_a_theta_is_lme4s(
    lme4: RLiveEngine, rscript: RScript, tmp_path: Path
) -> None:
    code = """
    for (r in c(TRUE, FALSE)) {
      f <- lme4::lmer(Reaction ~ Days + (Days | Subject), d, REML = r, devFunOnly = TRUE)
      say(paste("at 1 0 1", r), f(c(1, 0, 1)))
      say(paste("at 0.9 -0.3 0.2", r), f(c(0.9, -0.3, 0.2)))
    }
    """
    plain = plain_r(rscript, tmp_path, str(CLASSICS / "sleepstudy.csv"), "Subject", code)
    for reml, word in ((True, "TRUE"), (False, "FALSE")):
        asked = spec(SLEEP, reml=reml)
        for theta in ("1 0 1", "0.9 -0.3 0.2"):
            value = lme4.criterion_at(asked, sleepstudy(), [float(t) for t in theta.split()])
            assert value == pytest.approx(plain[f"at {theta} {word}"], rel=1e-14)
        found = lme4.fit(asked, sleepstudy())
        assert lme4.criterion_at(asked, sleepstudy(), found.theta) == found.fit.criterion


def test_a_theta_of_the_wrong_length_is_refused(lme4: RLiveEngine) -> None:
    with pytest.raises(ModelError, match="theta has 2 elements where the model has 3"):
        lme4.criterion_at(spec(SLEEP), sleepstudy(), [1.0, 0.0])


QUALITY = {
    "good": ("0", "1e-20", "character()", "FALSE", True),
    "gap": ("2e-7", "1e-20", "character()", "FALSE", False),
    "not-at-the-optimum": ("0", "1e-10", "character()", "FALSE", False),
    "no-curvature": ("0", "NaN", "character()", "FALSE", False),
    "boundary": ("0", "NaN", "boundary_message", "TRUE", True),
    "lme4-message": ("0", "1e-20", '"Model failed to converge with max|grad| = 1"', "FALSE", False),
    "boundary-and-message": ("0", "NaN", 'c(boundary_message, "x")', "TRUE", False),
    "rounding": ("0", "1e-20", '"convergence code -4: NLOPT_ROUNDOFF_LIMITED"', "FALSE", True),
    "rounding-bobyqa": (
        "0",
        "1e-20",
        '"convergence code 3 from bobyqa: bobyqa -- a trust region step failed to reduce q"',
        "FALSE",
        True,
    ),
    "rounding-far-off": (
        "0",
        "1e-10",
        '"bobyqa -- a trust region step failed to reduce q"',
        "FALSE",
        False,
    ),
}


@pytest.mark.parametrize(
    ("gap", "decrement", "log", "singular", "clean"), QUALITY.values(), ids=QUALITY.keys()
)
def test_what_makes_a_fit_a_reference(
    rscript: RScript, gap: str, decrement: str, log: str, singular: str, clean: bool
) -> None:
    said = rscript(
        f'setwd("{scripts_folder()}"); source("fit_lmer.R"); '
        f"q <- reference_quality(list(gap = {gap}, decrement = {decrement}, gradient = 0, "
        f'steps = 1L, optimizers = c("a", "b"), evaluations = 9L), {log}, {singular}); '
        'cat(q$clean, length(q$reasons) == 0L, sep = "")'
    )
    assert said == str(clean).upper() * 2


def test_the_options_of_the_session_do_not_reach_the_fit(rscript: RScript) -> None:
    said = rscript(
        'options(contrasts = c("contr.sum", "contr.sum"), na.action = "na.fail", warn = 2); '
        f'setwd("{scripts_folder()}"); source("run.R"); '
        "d <- lme4::cake; d$temperature <- d$temp; d$angle[3] <- NA; "
        "d$o <- factor(d$recipe, ordered = TRUE); "
        "for (f in list(fit_lm(angle ~ recipe + o:temp, d), "
        "fit_lmer(angle ~ o + (1 | replicate), d))) "
        'cat(f$n_obs, vapply(f$fixed, function(r) r$term, ""), "\\n"); '
        'cat(getOption("contrasts"), getOption("warn"))'
    )
    linear, mixed, after = said.splitlines()
    assert linear.split()[:4] == ["269", "(Intercept)", "recipeB", "recipeC"]
    assert mixed.split() == ["269", "(Intercept)", "oB", "oC"]
    assert after == "contr.sum contr.sum 2"
