"""The port beside lme4 and lmerTest, each at its own optimum, at the limits of tier T2."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, two_wave

from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.language import parse_formula
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

pytestmark = pytest.mark.live_r

CRITERION = 1e-8
"""Deviance units one side may be above the other at its own optimum."""

MODELS = {
    "sleepstudy-intercept": ("sleepstudy", "Reaction ~ Days + (1 | Subject)"),
    "sleepstudy-slopes": ("sleepstudy", "Reaction ~ Days + (Days | Subject)"),
    "sleepstudy-uncorrelated": ("sleepstudy", "Reaction ~ Days + (Days || Subject)"),
    "sleepstudy-quadratic": ("sleepstudy", "Reaction ~ Days + I(Days^2) + (Days | Subject)"),
    "dyestuff": ("Dyestuff", "Yield ~ 1 + (1 | Batch)"),
    "dyestuff2": ("Dyestuff2", "Yield ~ 1 + (1 | Batch)"),
    "penicillin-plate": ("Penicillin", "diameter ~ 1 + (1 | plate)"),
    "penicillin-sample": ("Penicillin", "diameter ~ 1 + (1 | sample)"),
    "pastes-batch": ("Pastes", "strength ~ 1 + (1 | batch)"),
    "pastes-sample": ("Pastes", "strength ~ 1 + (1 | sample)"),
    "pastes-cask-in-batch": ("Pastes", "strength ~ 1 + (1 | batch:cask)"),
    "cake": ("cake", "angle ~ recipe * temperature + (1 | replicate)"),
    "cake-numeric": ("cake", "angle ~ recipe * temp + (temp | replicate)"),
    "two-wave": ("two-wave", "y ~ arm * time + (1 | id)"),
    "two-wave-boundary": ("two-wave-negative", "y ~ arm * time + (1 | id)"),
    "two-wave-moderated": ("two-wave", "y ~ arm * time * scale(z) + (1 | id)"),
    "patterns-slopes": ("patterns", "y ~ arm * t + (t | g)"),
    "patterns-log-time": ("patterns", "y ~ arm * log1p(t) + (log1p(t) | g)"),
    "own-times-slopes": ("own-times", "y ~ arm * t + (t | g)"),
    "own-times-uncorrelated": ("own-times", "y ~ arm * t + (t || g)"),
    "near-flat": ("near-flat", "y ~ arm * t + (t | g)"),
    "slope-only": ("patterns", "y ~ t + (0 + t | g)"),
    "factor-effects": ("cake", "angle ~ temp + (0 + recipe | replicate)"),
    "factor-slopes": ("cake", "angle ~ recipe + (recipe | replicate)"),
    "no-intercept": ("patterns", "y ~ 0 + arm + arm:t + (1 | g)"),
}


def data(name: str) -> pd.DataFrame:
    made = {
        "two-wave": lambda: two_wave(),
        "two-wave-negative": lambda: two_wave(seed=3, correlation=-0.5),
        "patterns": lambda: longitudinal(1),
        "own-times": lambda: longitudinal(2, groups=30, grid=False),
        "near-flat": lambda: longitudinal(16, groups=90, visits=4, sd=(1.0, 0.12)),
    }
    return made[name]() if name in made else classic(name)


def differences(port: Estimates, r: Estimates) -> list[str]:
    """Every number of the answer that T2 would turn red."""
    wrong: list[str] = []

    def hold(what: str, a: float, b: float, gap: float, limit: float) -> None:
        if not gap <= limit and a != b and not (math.isnan(a) and math.isnan(b)):
            wrong.append(f"{what}: port {a!r}, lme4 {b!r}, {gap:.3g} > {limit:g}")

    boundary = min(port.min_eigen, r.min_eigen) < 1e-4
    assert [row.term for row in port.fixed] == [row.term for row in r.fixed]
    for ours, theirs in zip(port.fixed, r.fixed, strict=True):
        t, se = ours.term, theirs.std_error
        for name in ("estimate", "conf_low", "conf_high", "statistic"):
            if boundary and name.startswith("conf"):
                continue
            unit = se if name != "statistic" else 1.0
            a, b = getattr(ours, name), getattr(theirs, name)
            wide = max(1.0, abs(b)) if name == "statistic" else 1.0
            hold(f"{name} {t}", a, b, abs(a - b) / unit / wide, 1e-6 if wide == 1.0 else 2e-6)
        hold(f"std_error {t}", ours.std_error, se, abs(ours.std_error / se - 1), 1e-6)
        if not boundary:
            hold(f"df {t}", ours.df, theirs.df, abs(ours.df / theirs.df - 1), 1e-4)
            a, b = ours.p_value, theirs.p_value
            if b >= 1e-4:
                hold(f"p_value {t}", a, b, abs(a - b), 1e-6)
            else:
                hold(f"p_value {t}", a, b, abs(math.log10(a) - math.log10(b)), 1e-3)
    assert [row.term for row in port.random] == [row.term for row in r.random]
    sigma = r.random[-1].estimate
    for ours, theirs in zip(port.random, r.random, strict=True):
        a, b = ours.estimate, theirs.estimate
        if ours.term == "sigma":
            hold("sigma", a, b, abs(a / b - 1), 1e-6)
        elif boundary:
            unit = 1.0 if ours.term.startswith("cor") else sigma
            hold(ours.term, a, b, abs(a - b) / unit, 1e-3)
        else:
            hold(ours.term, a, b, abs(a / b - 1), 1e-4)
    for name in ("criterion", "loglik", "aic", "bic"):
        a, b = getattr(port.fit, name), getattr(r.fit, name)
        hold(name, a, b, abs(a - b), 1e-7)
    for name in ("n_obs", "groups", "reml", "df_method", "formula"):
        assert getattr(port, name) == getattr(r, name), name
    return wrong


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("model", MODELS)
def test_every_number_agrees(lme4: RLiveEngine, model: str, reml: bool) -> None:
    name, formula = MODELS[model]
    frame, spec = data(name), ModelSpec(parse_formula(formula), reml=reml)
    port, r = PortEngine().fit(spec, frame), lme4.fit(spec, frame)
    assert port.problem == r.problem
    wrong = differences(port, r)
    assert not wrong, "\n".join(wrong)
    # Who found the better optimum? Neither may be below the other by more than rounding.
    above_r = lme4.criterion_at(spec, frame, port.theta) - r.fit.criterion
    above_port = PortEngine().criterion_at(spec, frame, r.theta) - port.fit.criterion
    assert above_r <= CRITERION, f"the port's optimum is {above_r:.3g} above lme4's"
    assert above_port >= -CRITERION, f"lme4's theta is {-above_port:.3g} below the port's optimum"


@pytest.mark.parametrize("df", ["residual", "z"])
def test_other_df_methods_agree(lme4: RLiveEngine, df: str) -> None:
    spec = ModelSpec(parse_formula(MODELS["patterns-slopes"][1]), df_method=df, conf_level=0.9)
    port, r = PortEngine().fit(spec, data("patterns")), lme4.fit(spec, data("patterns"))
    assert [row.df for row in port.fixed] == [row.df for row in r.fixed]
    assert not differences(port, r)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("seed", range(6))
def test_criterion_at_any_theta_agrees(lme4: RLiveEngine, seed: int, reml: bool) -> None:
    rng = np.random.default_rng(seed)
    frame = longitudinal(seed, groups=12, grid=seed % 2 == 0)
    spec = ModelSpec(parse_formula("y ~ arm * t + (t | g)"), reml=reml)
    theta = (rng.normal(size=3) * 10.0 ** rng.uniform(-2, 1)).tolist()
    theta[0], theta[2] = abs(theta[0]), abs(theta[2])
    port, r = (engine.criterion_at(spec, frame, theta) for engine in (PortEngine(), lme4))
    assert port == pytest.approx(r, abs=1e-8)


@pytest.mark.parametrize(
    "formula",
    ["y ~ arm * t", "y ~ log1p(t) + arm", "y ~ t", "y ~ 1", "y ~ 0 + arm:t"],
)
def test_linear_models_agree(lme4: RLiveEngine, formula: str) -> None:
    frame, spec = longitudinal(1), ModelSpec(parse_formula(formula), df_method="residual")
    port, r = PortEngine().fit(spec, frame), lme4.fit(spec, frame)
    assert port.problem == r.problem
    assert port.df_method == r.df_method == "residual"
    for ours, theirs in zip(port.fixed, r.fixed, strict=True):
        for name in ("estimate", "std_error", "df", "statistic", "p_value", "conf_low"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-10), name
    assert port.random[0].estimate == pytest.approx(r.random[0].estimate, rel=1e-12)
    for name in ("criterion", "loglik", "aic", "bic"):
        assert getattr(port.fit, name) == pytest.approx(getattr(r.fit, name), abs=1e-9), name


def test_a_direction_the_data_do_not_determine_spoils_nothing_else(lme4: RLiveEngine) -> None:
    """Nobody is in both arms: the correlation of the arms' effects is anyone's guess."""
    spec, frame = ModelSpec(parse_formula("y ~ t + (0 + arm | g)")), longitudinal(1)
    port, r = PortEngine().fit(spec, frame), lme4.fit(spec, frame)
    assert any("do not determine" in message for message in port.messages)
    wrong = [line for line in differences(port, r) if not line.startswith("cor(")]
    assert not wrong, "\n".join(wrong)
