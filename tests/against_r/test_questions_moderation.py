"""Simple slopes and Johnson-Neyman bounds from R, against the port and a quadratic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from question_cases import CASES, MODERATED, change, patients
from r_examples import spec
from scipy import stats

import harness
from harness.engines.r.engine import RLiveEngine
from harness.errors import ModelError

ASKED = {"effect": "armB", "moderator": "age"}
METHODS = ["satterthwaite", "kenward-roger", "residual", "z"]


def moderated(lme4: RLiveEngine, method: Any, **more: Any) -> tuple[Any, dict[str, Any]]:
    fit = harness.lmer(MODERATED, patients())
    answer = lme4.ask(
        "moderation",
        spec(MODERATED, df_method=method),
        patients(),
        **ASKED,
        theta=fit.theta,
        **more,
    )
    return fit, answer


def contrast(fit: Any, m: float) -> np.ndarray:
    L = np.zeros(len(fit.names))
    L[fit.names.index("armB")], L[fit.names.index("armB:age")] = 1.0, m
    return L


@pytest.mark.parametrize("method", METHODS)
def test_simple_slopes_are_contrasts_of_the_port(lme4: RLiveEngine, method: Any) -> None:
    fit, answer = moderated(lme4, method, values=[30, 60], mean_sd=True, per="id")
    by_patient = patients().dropna(subset=["y"]).drop_duplicates("id")["age"]
    mean, sd = by_patient.mean(), by_patient.std()
    wanted = [30, 60, mean - sd, mean, mean + sd]
    assert [row["value"] for row in answer["slopes"]] == pytest.approx(wanted, rel=1e-13)
    assert answer["moderator_n"] == len(by_patient)
    V = fit.covariance(method)
    limit = 1e-6 if method == "satterthwaite" else 1e-8
    for row, m in zip(answer["slopes"], wanted, strict=True):
        L = contrast(fit, m)
        se = math.sqrt(L @ V @ L)
        df = fit.contrast_df(L[None, :], method)[0]
        assert abs(row["estimate"] - L @ fit.beta) <= 1e-9 * se
        assert row["std_error"] == pytest.approx(se, rel=1e-9)
        assert (math.inf if row["df"] == "Inf" else row["df"]) == pytest.approx(df, rel=limit)
        t = stats.t(df) if math.isfinite(df) else stats.norm()
        assert row["p_value"] == pytest.approx(2 * t.sf(abs(L @ fit.beta) / se), rel=1e-5)
        assert row["conf_high"] == pytest.approx(L @ fit.beta + t.ppf(0.975) * se, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_are_where_a_dense_evaluation_crosses(lme4: RLiveEngine, method: Any) -> None:
    """The port's slopes, errors and df on a dense grid of moderator values."""
    fit, answer = moderated(lme4, method)
    found = answer["johnson_neyman"]
    V = fit.covariance(method)

    def excess(grid: np.ndarray) -> np.ndarray:
        L = np.array([contrast(fit, m) for m in grid])
        se = np.sqrt(np.einsum("ij,jk,ik->i", L, V, L))
        df = fit.contrast_df(L, method)
        critical = np.where(np.isinf(df), stats.norm.ppf(0.975), stats.t.ppf(0.975, df))
        return np.abs(L @ fit.beta) / se - critical

    bounds = [row["value"] for row in found["bounds"]]
    assert len(bounds) == 2
    edge = 1e-4 if method == "satterthwaite" else 1e-6
    for bound in bounds:
        around = excess(np.array([bound - edge, bound, bound + edge]))
        assert around[0] * around[2] < 0
        assert abs(around[1]) < 1e-6
    grid = np.linspace(-400, 500, 4001)
    positive = excess(grid) > 0
    inside = (grid > bounds[0]) & (grid < bounds[1])
    assert (positive == ~inside).all() or (positive == inside).all()
    assert found["topology"] == ("outside" if positive[0] else "inside")
    for region in found["regions"]:
        low, high = (
            -1e9 if region["from"] == "-Inf" else region["from"],
            1e9 if region["to"] == "Inf" else region["to"],
        )
        within = (grid > low) & (grid < high)
        assert (positive[within] == region["significant"]).all()
    ages = patients().dropna(subset=["y"])["age"]
    assert found["share_significant"] == pytest.approx((excess(ages.to_numpy()) > 0).mean())
    for row in found["bounds"]:
        assert abs(row["estimate"]) / row["std_error"] == pytest.approx(
            stats.norm.ppf(0.975) if row["df"] == "Inf" else stats.t.ppf(0.975, row["df"]), rel=1e-9
        )


@pytest.mark.parametrize(
    "unit",
    [(1.0, 0.0), (1e-6, 0.0), (1.0, 2000.0), (1e5, 0.0)],
    ids=["as-is", "micro", "far-from-zero", "large"],
)
def test_with_constant_df_the_bounds_solve_a_quadratic(
    lme4: RLiveEngine, unit: tuple[float, float]
) -> None:
    """(b1^2 - c v11) m^2 + 2 (b0 b1 - c v01) m + b0^2 - c v00 = 0, in any unit of the moderator."""
    scale, origin = unit
    frame = change()
    frame["age"] = frame["age"] * scale + origin
    frame["y"] += 30 * (frame["arm"] == "B")
    fit = harness.lm("y ~ arm * age", frame)
    answer = lme4.ask("moderation", spec("y ~ arm * age"), frame, **ASKED)
    middle = frame["age"].mean()  # where the quadratic keeps its digits
    T = np.array([[1.0, middle], [0.0, 1.0]])
    b = T @ fit.beta[[1, 3]]
    V = T @ fit.vcov[np.ix_([1, 3], [1, 3])] @ T.T
    c = stats.t.ppf(0.975, len(frame) - 4) ** 2
    roots = np.roots(
        [b[1] ** 2 - c * V[1, 1], 2 * (b[0] * b[1] - c * V[0, 1]), b[0] ** 2 - c * V[0, 0]]
    )
    bounds = [row["value"] for row in answer["johnson_neyman"]["bounds"]]
    real = np.sort(roots[np.isreal(roots)].real + middle)
    width = np.ptp(frame["age"].to_numpy())
    assert bounds == pytest.approx(real, abs=1e-7 * width)


def shifted(by: float, slope: float, noise: float) -> pd.DataFrame:
    """Effect by + slope * m, m from -1 to 1."""
    rng = np.random.default_rng(5)
    m = np.linspace(-1, 1, 200)
    arm = np.resize([0.0, 1.0], 200)
    return pd.DataFrame(
        {"x": arm, "m": m, "y": arm * (by + slope * m) + noise * rng.normal(size=200)}
    )


TOPOLOGIES = {
    "none": (shifted(0.0, 0.0, 1.0), "none", "none"),
    "one-sided-in-the-data": (shifted(1.0, 1.0, 0.5), "outside", "one-sided"),
    "outside": (shifted(0.0, 3.0, 0.5), "outside", "outside"),
    "everywhere-observed": (shifted(3.0, 0.0, 0.5), "inside", "all"),
    "inside": (shifted(0.42, -0.3, 1.2), "inside", "inside"),
}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_shape_of_the_region(lme4: RLiveEngine, name: str) -> None:
    frame, whole, observed = TOPOLOGIES[name]
    answer = lme4.ask("moderation", spec("y ~ x * m"), frame, effect="x", moderator="m")
    found = answer["johnson_neyman"]
    assert (found["topology"], found["topology_observed"]) == (whole, observed)
    inside = [row for row in found["bounds"] if -1 < row["value"] < 1]
    assert found["bounds_observed"] == len(inside)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no-product": (
        "y ~ arm + age + (1 | id)",
        ASKED,
        "no column of the model is `armB` times `age`",
    ),
    "no-effect": (MODERATED, {**ASKED, "effect": "armC"}, "no coefficient `armC`"),
    "no-moderator": (MODERATED, {**ASKED, "moderator": "shoe"}, "no moderator `shoe`"),
    "factor": ("y ~ arm * visit + (1 | id)", {**ASKED, "moderator": "visit"}, "not a number"),
    "bent": (
        "y ~ arm * (age + I(age^2)) + (1 | id)",
        ASKED,
        r"bends the effect in the moderator: its slope is no straight line",
    ),
    "polynomial": (
        "y ~ arm * poly(age, 2) + (1 | id)",
        {**ASKED, "moderator": "poly(age, 2)1"},
        "one of several columns",
    ),
    "varies": (MODERATED, {**ASKED, "moderator": "age", "per": "dose"}, "varies within `dose`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_straight_slope_is_refused(lme4: RLiveEngine, name: str) -> None:
    formula, asked, reason = REFUSED[name]
    with pytest.raises(ModelError, match=reason) as refusal:
        lme4.ask("moderation", spec(formula), patients(), **asked)
    assert "\n" not in str(refusal.value)


def test_names_with_back_ticks_are_names_here_too(lme4: RLiveEngine) -> None:
    frame = patients().rename(columns={"age": "age (years)", "arm": "the arm"})
    plain = lme4.ask("moderation", spec(MODERATED), patients(), **ASKED)
    ticked = lme4.ask(
        "moderation",
        spec("y ~ `the arm` * `age (years)` + week + (1 | id)"),
        frame,
        effect="`the arm`B",
        moderator="age (years)",
    )
    assert ticked["johnson_neyman"] == plain["johnson_neyman"]
    linear = lme4.ask("anova", spec("y ~ `the arm` * visit + `age (years)`"), frame, type=2)
    same = lme4.ask("anova", spec("y ~ arm * visit + age"), patients(), type=2)
    assert [row["f_value"] for row in linear["rows"]] == [row["f_value"] for row in same["rows"]]


def test_a_centred_moderator_is_taken_in_its_own_unit(lme4: RLiveEngine) -> None:
    model = spec("y ~ arm * center(age) + week + (1 | id)")
    plain = lme4.ask("moderation", spec(MODERATED), patients(), **ASKED)
    centred = lme4.ask("moderation", model, patients(), effect="armB", moderator="center(age)")
    mean = patients()["age"].mean()  # R centres before it omits the rows without an outcome
    for one, two in zip(
        plain["johnson_neyman"]["bounds"], centred["johnson_neyman"]["bounds"], strict=True
    ):
        assert two["value"] + mean == pytest.approx(one["value"], rel=1e-6)


def test_the_case_of_two_channels_has_bounds(lme4: RLiveEngine) -> None:
    case = CASES["moderation"]
    found = lme4.ask(case.question, case.model, case.frame, **case.arguments)
    assert found["johnson_neyman"]["bounds"]
    assert found["quality"]["clean"]
