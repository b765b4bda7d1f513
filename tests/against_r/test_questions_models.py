"""Comparisons of models, profiles, predictions and pieces from R, against the port and algebra."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from question_cases import BY_VISIT, CASES, change, patients
from r_examples import SLEEP, classic, sleepstudy, spec, trial

import harness
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError
from harness.models.design import build_design


def numbers(values: Any) -> np.ndarray:
    return np.array([math.nan if v is None else float(v) for v in values])


def ask(lme4: RLiveEngine, name: str, **more: Any) -> dict[str, Any]:
    case = CASES[name]
    return lme4.ask(case.question, case.model, case.frame, **case.arguments, **more)


# Each side at its own optimum: criteria agree to 1e-8, and so do twice their differences.
def test_likelihood_ratios_are_the_ports(lme4: RLiveEngine) -> None:
    answer = ask(lme4, "likelihood-ratio")
    formulas = ["y ~ week + (1 | id)", "y ~ week * arm + (1 | id)"]
    fits = [harness.lmer(formula, patients()) for formula in formulas]
    ours = fits[0].compare(fits[1], harness.lm("y ~ week", patients()))
    rows = answer["rows"]
    assert [row["formula"] for row in rows] == ["y ~ week", *formulas]
    for column, name in (("loglik", "loglik"), ("aic", "aic"), ("bic", "bic"), ("n_par", "n_par")):
        assert numbers(row[name] for row in rows) == pytest.approx(
            ours[column].to_numpy(dtype=float), abs=1e-7
        )
    assert numbers(row["statistic"] for row in rows[1:]) == pytest.approx(
        ours["chisq" if "chisq" in ours else "statistic"].to_numpy(dtype=float)[1:], abs=1e-7
    )
    assert numbers(row["p_value"] for row in rows[1:]) == pytest.approx(
        ours["p_value"].to_numpy(dtype=float)[1:], rel=1e-6
    )


def test_models_on_other_rows_are_not_compared(lme4: RLiveEngine) -> None:
    frame = patients()
    frame.loc[frame.index[9], "age"] = np.nan
    with pytest.raises(ModelError, match="uses other rows"):
        lme4.ask(
            "likelihood_ratio",
            spec("y ~ week + (1 | id)"),
            frame,
            others=[spec("y ~ week + age + (1 | id)")],
        )


def test_reml_criteria_of_other_fixed_parts_are_not_compared(lme4: RLiveEngine) -> None:
    others = {"others": [spec("y ~ week * arm + (1 | id)")], "reml": True}
    with pytest.raises(ModelError, match="compare by ML"):
        lme4.ask("likelihood_ratio", spec("y ~ week + (1 | id)"), patients(), **others)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ arm * week + (week | id)",
        "y ~ arm * week + (week || id)",
        "y ~ arm + (1 | id)",
        "y ~ arm + week + (1 | id) + (1 | visit)",
    ],
)
def test_random_terms_are_the_ports_and_lmertests(lme4: RLiveEngine, formula: str) -> None:
    rows = lme4.ask("random_terms", spec(formula), patients())["rows"]
    ours = harness.lmer(formula, patients()).ranova()
    assert len(rows) == len(ours)
    by_loglik = sorted(rows[1:], key=lambda row: row["loglik"])
    ours = pd.concat([ours.iloc[:1], ours.iloc[1:].sort_values("loglik")])
    for theirs, (_, row) in zip([rows[0], *by_loglik], ours.iterrows(), strict=True):
        assert row["loglik"] == pytest.approx(theirs["loglik"], abs=1e-7)
        assert row["aic"] == pytest.approx(theirs["aic"], abs=1e-7)
        if theirs["p_value"] is not None:
            assert row["p_value"] == pytest.approx(theirs["p_value"], rel=1e-5)


def test_random_terms_of_sleepstudy_in_lmertests_words(lme4: RLiveEngine, rscript: Any) -> None:
    said = rscript(
        "m <- lmerTest::lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy);"
        "r <- lmerTest::ranova(m);"
        'cat(rownames(r), sprintf("%.9g", r$LRT), r$Df, sep = "\\n")'
    ).splitlines()
    rows = lme4.ask("random_terms", spec(SLEEP), sleepstudy())["rows"]
    assert [row["term"] for row in rows] == said[:2]
    assert rows[1]["statistic"] == pytest.approx(float(said[3]), abs=1e-5)
    assert rows[1]["df"] == float(said[5])


PROFILES = {
    "slopes": ("Reaction ~ Days + (Days | Subject)", sleepstudy(), True),
    "crossed": (
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        classic("Penicillin", "plate", "sample"),
        True,
    ),
    "boundary": ("Yield ~ 1 + (1 | Batch)", classic("Dyestuff2", "Batch"), True),
    "flat": ("y ~ week + (week | id)", trial(5), False),
}


@pytest.mark.parametrize("name", PROFILES)
def test_profile_intervals(lme4: RLiveEngine, name: str) -> None:
    """The port's profile shares no code; lme4's splines are right to 1e-3 where they follow."""
    formula, frame, lme4_is_right = PROFILES[name]
    answer = lme4.ask("profile", spec(formula), frame)
    ours = harness.lmer(formula, frame).confint("profile")
    assert [row["term"] for row in answer["rows"]] == ours["term"].tolist()
    for row, (_, port) in zip(answer["rows"], ours.iterrows(), strict=True):
        width = row["conf_high"] - row["conf_low"]
        for end in ("conf_low", "conf_high"):
            assert abs(port[end] - row[end]) <= 1e-7 * width, f"{row['term']} {end}"
        assert row["clean"]
        if lme4_is_right:
            for end in ("low", "high"):
                assert abs(row[f"lme4_{end}"] - row[f"conf_{end}"]) <= 1e-3 * width
            assert "lme4's profile has" not in row["note"]


def test_where_lme4s_profile_fails_it_is_said(lme4: RLiveEngine) -> None:
    """Its walk along a flat criterion turns around; sigma's interval is then (0, Inf)."""
    answer = lme4.ask("profile", spec("y ~ week + (week | id)"), trial(5))
    rows = {row["term"]: row for row in answer["rows"]}
    assert any("non-monotonic profile" in words for words in answer["lme4_said"])
    assert (rows["sigma"]["lme4_low"], rows["sigma"]["lme4_high"]) == (0.0, "Inf")
    assert "lme4's profile has (0, Inf)" in rows["sigma"]["note"]
    assert 4 < rows["sigma"]["conf_low"] < rows["sigma"]["conf_high"] < 5.5


def test_predictions_and_residuals(lme4: RLiveEngine) -> None:
    case = CASES["predict"]
    assert case.model is not None
    fit = harness.lmer(case.model.formula.text, patients())
    new = patients().iloc[[0, 4, 60]].assign(id=pd.Categorical(["p000", None, "nobody"]))
    new["id"] = pd.Categorical(["p000", "p003", "nobody"])
    new.loc[new.index[1], "week"] = np.nan
    answer = lme4.ask(
        "predict", case.model, patients(), newdata=new, new_levels=True, theta=fit.theta
    )
    limit = 1e-9 * fit.sigma
    table = fit.prediction_table(random=False)
    assert numbers(answer["fitted"]) == pytest.approx(fit.fitted, abs=limit)
    assert numbers(answer["fixed"]) == pytest.approx(fit.predict(random=False), abs=limit)
    assert numbers(answer["std_error"]) == pytest.approx(
        table[next(c for c in table if c in ("std_error", "se"))].to_numpy(), rel=1e-9
    )
    for kind in ("raw", "pearson", "scaled"):
        assert numbers(answer["residuals"][kind]) == pytest.approx(fit.residuals(kind), abs=limit)
    assert numbers(answer["leverage"]) == pytest.approx(fit.leverage(), abs=1e-9)
    wanted = fit.predict(new, allow_new_levels=True)
    found = numbers(answer["new"]["estimate"])
    assert np.isnan(found).tolist() == [False, True, False]
    assert found[[0, 2]] == pytest.approx(wanted[[0, 2]], abs=limit)
    modes = fit.ranef(condvar=True)
    rows = pd.DataFrame(answer["random_effects"]).pivot_table(
        index="level", columns="effect", values=["estimate", "std_error"], observed=True
    )
    for effect in ("(Intercept)", "week"):
        assert rows["estimate"][effect].to_numpy() == pytest.approx(
            modes[effect].to_numpy(), abs=limit
        )
        assert rows["std_error"][effect].to_numpy() == pytest.approx(
            modes[f"sd({effect})"].to_numpy(), rel=1e-9
        )


def test_a_group_not_seen_is_refused_unless_allowed(lme4: RLiveEngine) -> None:
    new = patients().iloc[:1].assign(id=pd.Categorical(["nobody"]))
    with pytest.raises(ModelError, match="new levels"):
        lme4.ask("predict", spec("y ~ week + (1 | id)"), patients(), newdata=new)


def test_predictions_of_a_linear_model(lme4: RLiveEngine) -> None:
    model = spec("y ~ arm * base", weights="w", offset="o")
    fit = harness.lm("y ~ arm * base", change(), weights="w", offset="o")
    answer = lme4.ask("predict", model, change(), newdata=change().iloc[:3])
    assert numbers(answer["fitted"]) == pytest.approx(fit.fitted, rel=1e-12)
    assert numbers(answer["new"]["estimate"]) == pytest.approx(fit.fitted[:3], rel=1e-12)
    X = fit.design.X
    errors = np.sqrt(((X @ fit.vcov) * X).sum(axis=1))
    assert numbers(answer["std_error"]) == pytest.approx(errors, rel=1e-10)
    assert numbers(answer["new"]["std_error"]) == pytest.approx(errors[:3], rel=1e-10)


def test_pieces_of_kenward_roger_are_the_papers(lme4: RLiveEngine) -> None:
    """Phi, P and Q from dense matrices; PhiA and the tests as the port has them."""
    case = CASES["kenward-roger"]
    assert case.model is not None
    fit = harness.lmer(case.model.formula.text, patients())
    answer = ask(lme4, "kenward-roger", theta=fit.theta)
    adjusted = fit.kenward_roger
    assert np.array(answer["Phi"]) == pytest.approx(fit.vcov, rel=1e-10)
    assert np.array(answer["PhiA"]) == pytest.approx(adjusted.vcov, rel=1e-9)
    assert answer["rebuilt_gap"] < 1e-12
    assert len(answer["P"]) == len(answer["W"]) == 4
    design = build_design(case.model, patients())
    term = design.random[0]
    codes = design.groupings[0].codes
    same = codes[:, None] == codes[None, :]
    z = [np.ones(len(codes)), np.asarray(term.columns[1])]
    G = [
        np.outer(z[0], z[0]) * same,
        (np.outer(z[0], z[1]) + np.outer(z[1], z[0])) * same,
        np.outer(z[1], z[1]) * same,
        np.eye(len(codes)),
    ]
    sd = {row.term: row.estimate for row in fit.varcorr}
    s0, s1 = sd["sd(id:(Intercept))"], sd["sd(id:week)"]
    c = sd["cor(id:(Intercept),week)"] * s0 * s1
    V = s0**2 * G[0] + c * G[1] + s1**2 * G[2] + fit.sigma**2 * G[3]
    VX = np.linalg.solve(V, design.X)
    for i, Gi in enumerate(G):
        assert np.array(answer["P"][i]) == pytest.approx(-VX.T @ Gi @ VX, rel=1e-7)
        for j, Gj in enumerate(G):
            Q = VX.T @ Gi @ np.linalg.solve(V, Gj @ VX)
            size = np.abs(Q).max()
            assert np.array(answer["Q"][i][j]) == pytest.approx(Q, rel=1e-7, abs=1e-9 * size)
    tests = [np.array(L, dtype=float) for L in case.arguments["hypotheses"]]
    for L, theirs in zip(tests, answer["tests"], strict=True):
        port = fit.f_test(L, "kenward-roger")
        assert port.den_df == pytest.approx(theirs["den_df"], rel=1e-8)
        assert port.scale == pytest.approx(theirs["f_scaling"], rel=1e-8)
        assert port.f_value == pytest.approx(theirs["f_value"], rel=1e-8)
        assert theirs["f_value"] == pytest.approx(theirs["f_unscaled"] * port.scale, rel=1e-8)


def test_intermediates_add_up_to_the_criterion(lme4: RLiveEngine) -> None:
    answer = ask(lme4, "intermediates")
    n, p = 180, 2
    d = n - p
    criterion = (
        answer["ldL2"] + answer["ldRX2"] + d * (1 + math.log(2 * math.pi * answer["pwrss"] / d))
    )
    assert criterion == pytest.approx(answer["model"]["criterion"], abs=1e-9)
    RX = np.array(answer["RX"])
    sigma = answer["model"]["sigma"]
    assert sigma**2 * np.linalg.inv(RX.T @ RX) == pytest.approx(
        np.array(answer["model"]["vcov"]), rel=1e-10
    )
    found = lme4.fit(spec(SLEEP), sleepstudy())
    assert answer["model"]["theta"] == list(found.theta)
    a = np.array([0.0, 1.0])  # the df of Days from its pieces
    g = [a @ np.array(D) @ a for D in answer["vcov_derivatives"]]
    A = np.array(answer["parameter_covariance"])
    df = 2 * found.fixed[1].std_error ** 4 / (g @ A @ g)
    assert df == pytest.approx(found.fixed[1].df, rel=1e-10)


@pytest.mark.parametrize("covariance", ["un", "cs", "csh", "ar1", "toep", "toeph", "diag"])
@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
def test_gls_and_glmmtmb_agree_on_repeated_measures(
    lme4: RLiveEngine, covariance: str, reml: bool
) -> None:
    """glmmTMB needs a residual variance, 1.5e-8 of the outcome's: six or seven digits agree."""
    model = spec("y ~ arm * visit", reml=reml)
    one, two = (
        lme4.ask(question, model, patients(), covariance=covariance, **BY_VISIT)
        for question in ("gls", "glmmtmb")
    )
    assert two["fit"]["criterion"] == pytest.approx(one["fit"]["criterion"], abs=1e-5)
    for left, right in zip(one["fixed"], two["fixed"], strict=True):
        assert left["term"] == right["term"]
        assert abs(left["estimate"] - right["estimate"]) <= 1e-4 * left["std_error"]
        if reml:  # gls by ML multiplies the covariance by n / (n - p)
            assert right["std_error"] == pytest.approx(left["std_error"], rel=1e-4)
    Sigma = np.array(two["covariance_matrix"])
    assert np.array(one["covariance_matrix"]) == pytest.approx(Sigma.ravel(), rel=2e-3)


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize(
    "formula", ["y ~ arm * week + (week | id)", "y ~ arm + (1 | id) + (0 + week | id)"]
)
def test_glmmtmb_is_a_second_reference_for_mixed_models(
    lme4: RLiveEngine, formula: str, reml: bool
) -> None:
    model = spec(formula, reml=reml, df_method="z")
    one = lme4.fit(model, patients())
    two = lme4.ask("glmmtmb", model, patients())
    assert two["quality"]["clean"]
    assert two["fit"]["criterion"] == pytest.approx(one.fit.criterion, abs=1e-8)
    assert two["fit"]["aic"] == pytest.approx(one.fit.aic, abs=1e-8)
    for left, right in zip(one.fixed, two["fixed"], strict=True):
        assert abs(left.estimate - right["estimate"]) <= 1e-7 * left.std_error
        assert right["std_error"] == pytest.approx(left.std_error, rel=1e-7)
    # Its own errors add the covariance's uncertainty: never smaller.
    own = [o / row.std_error for o, row in zip(two["own_errors"], one.fixed, strict=True)]
    assert min(own) > 1 - 1e-7
    assert 1 + 1e-5 < max(own) < 1.05
    theirs = {row["term"]: row["estimate"] for row in two["random"]}
    for row in one.random:
        assert theirs[row.term] == pytest.approx(row.estimate, rel=1e-6)
