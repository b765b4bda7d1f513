"""Repeated measures against nlme's gls and glmmTMB, both live.

Each model is asked thrice: gls evaluated at the port's covariance (T1: the same algebra), gls at
its own optimum with its tolerances tightened and restarted (T2), and glmmTMB at its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from port_data import classic, longitudinal, two_wave
from repeated_dense import dense_criterion

import harness
from harness.data import derive, open_study
from harness.engines.port.repeated.fit import RepeatedFit
from harness.engines.port.repeated.structures import ALIASES

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Model:
    data: Callable[[], pd.DataFrame]
    formula: str
    subject: str
    visit: str
    covariance: str
    reml: bool = True
    optimise: bool = True
    glmmtmb: bool = True


@cache
def unbalanced() -> pd.DataFrame:
    """A fifth of the visits missing; a covariate far from zero."""
    data = longitudinal(1, groups=40, visits=4).rename(columns={"g": "id"})
    data["week"] = pd.Categorical(data["t"].map({0.0: "w0", 1.0: "w2", 2.0: "w4", 3.0: "w8"}))
    base = np.random.default_rng(5).normal(2026.0, 9.0, size=40)
    data["base"] = base[data["id"].cat.codes]
    return data


@cache
def btheb() -> pd.DataFrame:
    return derive(open_study(ROOT / "fixtures" / "btheb" / "plan.yaml"))


def scaled(unit: float) -> Callable[[], pd.DataFrame]:
    return lambda: unbalanced().assign(y=unbalanced()["y"] * unit)


TRIAL = "y ~ base + arm * week"
MODELS: dict[str, Model] = {
    f"unbalanced-{name}-{'reml' if reml else 'ml'}": Model(
        # glmmTMB has no such structures.
        unbalanced,
        TRIAL,
        "id",
        "week",
        name,
        reml,
        glmmtmb=name not in ("id", "ar1h"),
    )
    for name in ALIASES
    for reml in (True, False)
}
MODELS |= {
    "two-wave-un": Model(two_wave, "y ~ arm * time", "id", "time", "un"),
    "two-wave-cs-negative": Model(
        lambda: two_wave(seed=3, correlation=-0.5), "y ~ arm * time", "id", "time", "cs"
    ),
    "btheb-un": Model(btheb, "bdi ~ treatment * month", "subject", "month", "un"),
    "btheb-un-ml": Model(btheb, "bdi ~ treatment * month", "subject", "month", "un", False),
    "btheb-toeph": Model(btheb, "bdi ~ treatment + months", "subject", "month", "toeph"),
    "sleepstudy-ar1": Model(
        lambda: classic("sleepstudy"), "Reaction ~ Days", "Subject", "Days", "ar1"
    ),
    "sleepstudy-csh": Model(
        lambda: classic("sleepstudy"), "Reaction ~ Days", "Subject", "Days", "csh"
    ),
    # 55 covariance parameters of 18 subjects; gls takes minutes to find an optimum there.
    "sleepstudy-un": Model(
        lambda: classic("sleepstudy"), "Reaction ~ Days", "Subject", "Days", "un",
        optimise=False, glmmtmb=False,
    ),
    # glmmTMB's residual variance cannot be zero: 1.5e-8 is not small beside 1e-12.
    "tiny-outcome-un": Model(scaled(1e-6), TRIAL, "id", "week", "un", glmmtmb=False),
    "huge-outcome-ar1h": Model(scaled(1e9), TRIAL, "id", "week", "ar1h", glmmtmb=False),
}  # fmt: skip
OPTIMISED = [name for name, model in MODELS.items() if model.optimise]
WITH_TMB = [name for name, model in MODELS.items() if model.glmmtmb]


@cache
def fitted(name: str) -> RepeatedFit:
    m = MODELS[name]
    return harness.mmrm(m.formula, m.data(), m.subject, m.visit, m.covariance, m.reml)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not on the PATH")
    folder = tmp_path_factory.mktemp("gls")
    asked = {}
    for name, model in MODELS.items():
        frame, fit = model.data(), fitted(name)
        used = np.delete(np.arange(len(frame)), fit.design.frame.omitted)
        frame = frame.iloc[used[in_order(fit)]]
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
        asked[name] = {
            "file": f"{name}.csv",
            "formula": model.formula,
            "subject": model.subject,
            "visit": model.visit,
            "covariance": model.covariance,
            "reml": model.reml,
            "optimise": model.optimise,
            "glmmtmb": model.glmmtmb,
            "at": fit.covariance_matrix.tolist(),
            "factors": {
                column: [str(level) for level in frame[column].cat.categories]
                for column in frame
                if isinstance(frame[column].dtype, pd.CategoricalDtype)
            },
        }
    (folder / "models.json").write_text(json.dumps(asked), encoding="utf-8")
    script = Path(__file__).with_name("repeated.R")
    said = subprocess.run(
        ["Rscript", "--vanilla", str(script), str(folder), str(ROOT / "r_reference")],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def column(answer: dict, quantity: str) -> np.ndarray:
    return np.array([row[quantity] for row in answer["fixed"]])


def square(values: list[float]) -> np.ndarray:
    side = int(np.sqrt(len(values)))
    return np.array(values).reshape(side, side)


def off(got: object, wanted: object) -> float:
    """Largest relative difference."""
    return float(np.abs(np.asarray(got) / np.asarray(wanted) - 1.0).max())


def apart(fit: RepeatedFit, R: np.ndarray) -> float:
    """Largest difference of a covariance by visit from the fit's, in units of the variances."""
    sd = np.sqrt(fit.variances.to_numpy())
    return float(np.abs((fit.covariance_matrix - R) / np.outer(sd, sd)).max())


def in_errors(fit: RepeatedFit, beta: object) -> float:
    """Largest difference of coefficients in standard errors."""
    return float(np.abs((fit.beta - np.asarray(beta)) / fit.table().std_error).max())


def in_order(fit: RepeatedFit) -> np.ndarray:
    """The rows used by subject, then by visit."""
    return np.lexsort((fit.seen.visit_codes, fit.seen.subject_codes))


def nearness(excess: float) -> float:
    """How near estimates are where the criterion is ``excess`` above its minimum.

    A step of one standard error of a parameter costs one deviance unit, so a fit d above the
    minimum is within sqrt(d) standard errors of it, and no further than the T2 limit for d = 0.
    """
    return 1e-6 + 2.0 * float(np.sqrt(max(excess, 0.0)))


def inflated(fit: RepeatedFit) -> float:
    """By what gls multiplies its standard errors under ML, and nothing else."""
    return 1.0 if fit.design.spec.reml else np.sqrt(fit.n_obs / (fit.n_obs - len(fit.names)))


@pytest.mark.live_r
class TestGls:
    @pytest.mark.parametrize("name", MODELS)
    def test_the_same_algebra(self, answers: dict, name: str) -> None:
        gls, fit = answers[name]["there"], fitted(name)
        table = fit.table()
        assert [row["term"] for row in gls["fixed"]] == list(fit.names)
        assert gls["n_obs"] == fit.n_obs
        assert gls["groups"] == fit.groups
        # The criterion is a sum of n logarithms and squares of size one.
        assert fit.criterion == pytest.approx(gls["fit"]["criterion"], abs=1e-10)
        assert in_errors(fit, column(gls, "estimate")) < 1e-11
        assert off(table.std_error * inflated(fit), column(gls, "std_error")) < 1e-10
        # gls finds the scale anew; at an optimum it is the one it was given.
        assert apart(fit, square(gls["covariance_matrix"])) < 1e-10
        # R has the rows by subject and visit: gls takes a subject's rows as they come.
        got = fit.residuals("normalized")[in_order(fit)]
        assert np.abs(got - np.array(gls["normalized"])).max() < 1e-9

    @pytest.mark.parametrize("name", OPTIMISED)
    def test_the_same_optimum(self, answers: dict, name: str) -> None:
        gls, fit = answers[name]["own"], fitted(name)
        excess = gls["fit"]["criterion"] - fit.criterion
        assert -1e-9 < excess < 1e-7
        near = nearness(excess)
        assert in_errors(fit, column(gls, "estimate")) < near
        assert off(fit.table().std_error * inflated(fit), column(gls, "std_error")) < near
        assert apart(fit, square(gls["covariance_matrix"])) < near
        assert fit.visits == tuple(gls["visits"])

    @pytest.mark.parametrize("name", OPTIMISED)
    def test_aic_and_bic_are_counted_alike(self, answers: dict, name: str) -> None:
        gls, fit = answers[name]["own"]["fit"], fitted(name)
        for quantity in ("aic", "bic", "loglik"):
            assert getattr(fit.statistics, quantity) == pytest.approx(gls[quantity], abs=1e-7)


@pytest.mark.live_r
@pytest.mark.parametrize("name", WITH_TMB)
def test_glmmtmb(answers: dict, name: str) -> None:
    """glmmTMB: criterion, coefficients and covariance, each as near as its optimum is.

    It puts a residual variance of 1.5e-8 beside the covariance and integrates the residuals out
    numerically. Its standard errors come from the joint observed information of coefficients and
    covariance (statsmodels' choice, too), so they are other numbers and not compared.
    """
    tmb, fit = answers[name]["tmb"], fitted(name)
    R = square(tmb["covariance_matrix"])
    # Its covariance in the exact likelihood: never better than ours.
    excess = dense_criterion(fit, R) - fit.criterion
    assert excess > -1e-9
    # Under REML what it minimises is noisy: up to 0.01 deviance units with a covariate near 2026,
    # on either side of the exact value, and as noisy are its stopping point and its own criterion.
    noise = 2e-2 if fit.design.spec.reml else 2e-7
    assert excess < noise
    assert tmb["criterion"] == pytest.approx(fit.criterion, abs=noise)
    near = nearness(excess)
    assert in_errors(fit, tmb["beta"]) < near
    assert apart(fit, R) < near
