"""Means, contrasts, slopes and tests of terms from R, against the port and closed forms.

The mixed models are evaluated at the port's theta, so that only what follows the fit is compared.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from question_cases import CASES, KR, RECIPES, cake, change, patients
from r_examples import awkward, spec

import harness
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError
from harness.models.spec import ModelSpec

NUMERIC = 1e-6
"""lmerTest's derivatives are numerical: its df, and what hangs on them, have seven digits or so."""
SAME = 1e-9


def fitted(model: ModelSpec, frame: pd.DataFrame) -> Any:
    extra = {"weights": model.weights or None, "offset": model.offset or None}
    if model.mixed:
        return harness.lmer(model.formula.text, frame, reml=model.reml, **extra)
    return harness.lm(model.formula.text, frame, **extra)


def ask(lme4: RLiveEngine, name: str) -> tuple[Any, dict[str, Any]]:
    """The port's fit, and R's answer at its theta."""
    case = CASES[name]
    assert case.model is not None
    assert case.frame is not None
    fit = fitted(case.model, case.frame)
    theta = {"theta": fit.theta} if case.model.mixed else {}
    return fit, lme4.ask(case.question, case.model, case.frame, **case.arguments, **theta)


def agree(ours: pd.DataFrame, rows: list[dict[str, Any]], df_limit: float, **limits: float) -> None:
    """Every number of a table of estimates; ours may call the estimate by another name."""
    estimate = next(c for c in ("emmean", "trend", "estimate") if c in ours)
    assert len(ours) == len(rows)
    for (_, row), theirs in zip(ours.iterrows(), rows, strict=True):
        se = theirs["std_error"]
        assert abs(row[estimate] - theirs["estimate"]) <= SAME * se
        assert row["std_error"] == pytest.approx(se, rel=SAME)
        df = math.inf if theirs["df"] == "Inf" else theirs["df"]
        assert row["df"] == pytest.approx(df, rel=df_limit)
        p_limit = limits.get("p", max(df_limit, 1e-8))
        assert abs(row["p_value"] - theirs["p_value"]) <= p_limit
        for end in ("conf_low", "conf_high"):
            assert abs(row[end] - theirs[end]) <= limits.get("conf", max(df_limit, SAME)) * se * 3
        assert row["df_method"] == theirs["df_method"]
        for name, value in theirs["labels"].items():
            assert str(row[name]) == str(value)


def test_means(lme4: RLiveEngine) -> None:
    fit, answer = ask(lme4, "means")
    agree(fit.emmeans(["recipe", "temperature"]).table(tests=True), answer["means"], NUMERIC)
    assert answer["df_method"] == "satterthwaite"
    assert answer["model"]["optimised"] is False


@pytest.mark.parametrize("weights", ["equal", "proportional", "outer", "cells", "flat"])
def test_weights_count_the_rows_used(lme4: RLiveEngine, weights: Any) -> None:
    """Rows whose outcome is missing count neither in weights nor in a covariate's mean."""
    model = spec("y ~ dose + arm + visit + base + (1 | id)", df_method="kenward-roger")
    frame = patients()
    frame.loc[frame.index[60:], "y"] = frame["y"].where(frame["visit"] != "w8")
    fit = fitted(model, frame)
    answer = lme4.ask(
        "emmeans", model, frame, specs=["dose"], mean_weights=weights, theta=fit.theta
    )
    ours = fit.emmeans(["dose"], weights=weights, df="kenward-roger")
    agree(ours.table(tests=True), answer["means"], 1e-8)


def test_weights_offset_and_codings_reach_the_means(lme4: RLiveEngine) -> None:
    formula = "y ~ dose * week + scale(base) + (1 | id)"
    extra: dict[str, Any] = {"weights": "w", "offset": "o"}
    model = spec(formula, contrasts=(("dose", "sum"),), **extra)
    fit = harness.lmer(formula, patients(), contrasts={"dose": "sum"}, **extra)
    asked = {"specs": ["dose"], "at": {"week": [0, 8]}, "by": ["week"]}
    answer = lme4.ask("emmeans", model, patients(), **asked, contrast="consec", theta=fit.theta)
    means = fit.emmeans(["dose"], by=["week"], at={"week": [0, 8]})
    agree(means.table(tests=True), answer["means"], NUMERIC)
    agree(means.contrast("consec", adjust="none").table(), answer["contrasts"], NUMERIC)
    terms = lme4.ask("anova", model, patients(), type=2, theta=fit.theta)
    compare_tests(fit.anova(type=2), terms["rows"], 1e-6)
    rows = lme4.ask("predict", model, patients(), newdata=patients().iloc[:4], theta=fit.theta)
    assert rows["fitted"] == pytest.approx(fit.fitted.tolist(), abs=1e-9 * fit.sigma)
    assert rows["new"]["estimate"] == pytest.approx(
        fit.predict(patients().iloc[:4]).tolist(), abs=1e-9 * fit.sigma
    )


def test_unused_levels_and_missing_factors_change_nothing(lme4: RLiveEngine) -> None:
    model = spec("y ~ x * arm + flag + text + (1 | id)", df_method="kenward-roger")
    fit = fitted(model, awkward())
    answer = lme4.ask("emmeans", model, awkward(), specs=["arm"], by=["flag"], theta=fit.theta)
    ours = fit.emmeans(["arm"], by=["flag"], df="kenward-roger").table(tests=True)
    assert [row["labels"]["arm"] for row in answer["means"]] == ours["arm"].astype(str).tolist()
    for (_, row), theirs in zip(ours.iterrows(), answer["means"], strict=True):
        assert abs(row["emmean"] - theirs["estimate"]) <= SAME * theirs["std_error"]
        assert row["std_error"] == pytest.approx(theirs["std_error"], rel=SAME)


def test_pairs_by_visit_with_kenward_roger(lme4: RLiveEngine) -> None:
    fit, answer = ask(lme4, "pairs")
    means = fit.emmeans(["dose"], by=["visit"], df="kenward-roger")
    agree(means.table(tests=True), answer["means"], 1e-8)
    # qtukey stops at 1e-4 of its last step, ptukey at 1e-8 absolutely.
    agree(
        means.contrast("pairwise", adjust="tukey").table(),
        answer["contrasts"],
        1e-8,
        p=1e-7,
        conf=1e-6,
    )
    assert {row["adjust"] for row in answer["contrasts"]} == {"tukey"}
    assert {row["conf_adjust"] for row in answer["contrasts"]} == {"tukey"}


def test_against_a_control(lme4: RLiveEngine) -> None:
    fit, answer = ask(lme4, "against-a-control")
    ours = fit.emmeans(["dose"]).contrast("trt.vs.ctrl", adjust="mvt", ref="mid").table()
    assert [r["labels"]["contrast"] for r in answer["contrasts"]] == ["low - mid", "high - mid"]
    # mvtnorm samples: five of its errors of about 1e-5.
    agree(ours, answer["contrasts"], NUMERIC, p=2e-4, conf=3e-3)


def test_contrasts_of_a_weighted_linear_model_with_an_offset(lme4: RLiveEngine) -> None:
    fit, answer = ask(lme4, "custom")
    means = fit.emmeans(["dose"])
    agree(means.table(tests=True), answer["means"], SAME)
    agree(
        means.contrast({"last": [0.5, 0.5, -1]}, adjust="none").table(), answer["contrasts"], SAME
    )


def test_adjusted_means_of_an_ancova_are_the_closed_form(lme4: RLiveEngine) -> None:
    """Mean of the arm less its slope times the distance of its covariate from the grand mean."""
    frame = change()
    answer = lme4.ask("emmeans", spec("y ~ dose + base"), frame, specs=["dose"])
    groups = frame.groupby("dose", observed=True)
    within = frame[["y", "base"]] - groups[["y", "base"]].transform("mean")
    slope = (within["y"] * within["base"]).sum() / (within["base"] ** 2).sum()
    means = groups["y"].mean() - slope * (groups["base"].mean() - frame["base"].mean())
    residual = within["y"] - slope * within["base"]
    s2 = (residual**2).sum() / (len(frame) - 4)
    away = groups["base"].mean() - frame["base"].mean()
    errors = np.sqrt(s2 * (1 / groups.size() + away**2 / (within["base"] ** 2).sum()))
    for row in answer["means"]:
        level = row["labels"]["dose"]
        assert row["estimate"] == pytest.approx(means[level], rel=1e-12)
        assert row["std_error"] == pytest.approx(errors[level], rel=1e-12)
        assert row["df"] == len(frame) - 4


def test_change_from_baseline_is_the_two_sample_t_test(lme4: RLiveEngine) -> None:
    from scipy.stats import ttest_ind

    frame = change().assign(gain=lambda d: d["y"] - d["base"])
    found = lme4.fit(spec("gain ~ arm", df_method="residual"), frame)
    test = ttest_ind(*(frame["gain"][frame["arm"] == arm] for arm in "BA"))
    assert found.fixed[1].statistic == pytest.approx(test.statistic, rel=1e-12)
    assert found.fixed[1].p_value == pytest.approx(test.pvalue, rel=1e-11)
    assert found.fixed[1].df == test.df


def test_slopes_and_their_polynomial_contrasts(lme4: RLiveEngine) -> None:
    fit, answer = ask(lme4, "trends")
    slopes = fit.emtrends(["dose"], var="week")
    # emmeans takes the slope of a chord over a thousandth of the range: the difference of two
    # predictions keeps three digits less, 1e-9 of the standard error.
    for (_, row), theirs in zip(slopes.table().iterrows(), answer["means"], strict=True):
        assert abs(row["trend"] - theirs["estimate"]) <= 1e-8 * theirs["std_error"]
        assert row["df"] == pytest.approx(theirs["df"], rel=NUMERIC)
    contrasts = slopes.contrast("poly", adjust="holm").table()
    for (_, row), theirs in zip(contrasts.iterrows(), answer["contrasts"], strict=True):
        assert row["contrast"] == theirs["labels"]["contrast"]
        assert row["p_value"] == pytest.approx(theirs["p_value"], rel=1e-5)
        assert theirs["conf_adjust"] == "bonferroni"  # emmeans has no intervals by Holm


def test_differences_of_differences(lme4: RLiveEngine) -> None:
    fit, answer = ask(lme4, "differences")
    ours = fit.emmeans(["arm", "visit"]).interaction(["pairwise", "consec"]).table()
    agree(ours, answer["contrasts"], NUMERIC)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "residual", "z"])
def test_the_df_method_is_the_one_asked_for_beyond_emmeans_limit(
    lme4: RLiveEngine, method: Any
) -> None:
    """Beyond 3000 rows emmeans takes z in silence (a message) unless its limits are raised."""
    rng = np.random.default_rng(1)
    n = 3200 if method != "kenward-roger" else 3008  # pbkrtest's matrices are n x n
    frame = pd.DataFrame(
        {
            "g": pd.Categorical([f"g{i // 8}" for i in range(n)]),
            "a": pd.Categorical(rng.choice(["u", "v"], n)),
        }
    )
    frame["y"] = rng.normal(size=n) + rng.normal(size=n // 8)[frame["g"].cat.codes]
    model = spec("y ~ a + (1 | g)", df_method=method)
    fit = fitted(model, frame)
    answer = lme4.ask("emmeans", model, frame, specs=["a"], theta=fit.theta)
    assert answer["df_method"] == method
    agree(
        fit.emmeans(["a"], df=method).table(tests=True),
        answer["means"],
        NUMERIC if method == "satterthwaite" else 1e-8,
    )


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
def test_tests_of_terms(lme4: RLiveEngine, kind: Any, method: Any) -> None:
    model = spec("y ~ arm * visit + base + (1 | id)", df_method=method)
    fit = fitted(model, patients())
    answer = lme4.ask("anova", model, patients(), type=kind, theta=fit.theta)
    # lmerTest rounds the rows of type III hypotheses to seven digits.
    compare_tests(fit.anova(type=kind, df=method), answer["rows"], 1e-6)


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize(
    ("formula", "extra"),
    [
        ("y ~ dose * base + arm", {"weights": "w"}),
        ("y ~ arm * dose + base", {"offset": "o"}),
        ("y ~ base + poly(age, 2) + dose", {}),
    ],
    ids=["slopes-by-dose", "factors", "polynomial"],
)
def test_tests_of_terms_of_a_linear_model(
    lme4: RLiveEngine, kind: Any, formula: str, extra: dict[str, str]
) -> None:
    model = spec(formula, **extra)
    answer = lme4.ask("anova", model, change(), type=kind)
    compare_tests(fitted(model, change()).anova(type=kind), answer["rows"], 1e-9)


def test_an_empty_cell_has_no_type_iii_of_a_linear_model(lme4: RLiveEngine) -> None:
    frame = change().query("not (arm == 'A' and dose == 'mid')")
    with pytest.raises(ModelError, match="empty cells"):
        lme4.ask("anova", spec("y ~ arm * dose"), frame, type=3)


def compare_tests(ours: pd.DataFrame, rows: list[dict[str, Any]], limit: float) -> None:
    assert ours["term"].tolist() == [row["term"] for row in rows]
    for (_, row), theirs in zip(ours.iterrows(), rows, strict=True):
        assert row["num_df"] == theirs["num_df"]
        assert row["den_df"] == pytest.approx(theirs["den_df"], rel=limit)
        assert row["f_value"] == pytest.approx(theirs["f_value"], rel=limit)
        assert row["p_value"] == pytest.approx(theirs["p_value"], rel=10 * limit)
        if "sum_sq" in theirs and "sum_sq" in ours:
            assert row["sum_sq"] == pytest.approx(theirs["sum_sq"], rel=limit)


@pytest.mark.parametrize("by", [[], ["arm"]], ids=["all", "by-arm"])
@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger", "residual"])
def test_joint_tests(lme4: RLiveEngine, by: list[str], method: Any) -> None:
    formula = "y ~ arm * visit + base" + (" + (1 | id)" if method != "residual" else "")
    model = spec(formula, df_method=method)
    fit = fitted(model, patients())
    theta = {"theta": fit.theta} if model.mixed else {}
    answer = lme4.ask("joint_tests", model, patients(), by=by, **theta)
    ours = fit.joint_tests(by=by or None, df=method)
    key = ["term", *by]
    ours = ours.assign(_k=[tuple(map(str, row)) for row in ours[key].itertuples(index=False)])
    ours = ours.set_index("_k")
    assert len(ours) == len(answer["rows"])
    for theirs in answer["rows"]:
        row = ours.loc[[(theirs["term"], *(theirs["labels"][name] for name in by))]].iloc[0]
        assert row["f_value"] == pytest.approx(theirs["f_value"], rel=1e-8)
        assert row["den_df"] == pytest.approx(theirs["den_df"], rel=NUMERIC)
        assert row["p_value"] == pytest.approx(theirs["p_value"], rel=1e-6)


def test_a_factor_made_in_the_formula_and_one_mean_over_all(lme4: RLiveEngine) -> None:
    model = spec("y ~ arm * factor(week) + (1 | id)", df_method="kenward-roger")
    fit = fitted(model, patients())
    for specs, by in ((["week"], ["arm"]), ([], [])):
        answer = lme4.ask("emmeans", model, patients(), specs=specs, by=by, theta=fit.theta)
        ours = fit.emmeans(specs, by=by or None, df="kenward-roger").table(tests=True)
        assert len(ours) == len(answer["means"]) == (8 if specs else 1)
        for (_, row), theirs in zip(ours.iterrows(), answer["means"], strict=True):
            assert sorted(theirs["labels"]) == sorted([*specs, *by])
            assert abs(row["emmean"] - theirs["estimate"]) <= SAME * theirs["std_error"]
            assert float(row.get("week", 0)) == theirs["labels"].get("week", 0)
            assert row["df"] == pytest.approx(theirs["df"], rel=1e-8)


def test_a_joint_test_with_empty_cells_says_so(lme4: RLiveEngine) -> None:
    frame = cake().query("not (recipe == 'A' and temperature == '185')")
    answer = lme4.ask("joint_tests", spec(RECIPES, **KR), frame)
    notes = [row["note"] for row in answer["rows"]]
    assert all("df reduced by non-estimability" in note for note in notes)
    assert all("three decimals" in note for note in notes)
