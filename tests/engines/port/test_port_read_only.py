"""What a fit hands out cannot change it, nor can what happens to the caller's data later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from port_data import longitudinal

import harness

FORMULA = "y ~ arm * t + scale(z) + (t | g)"


def frame() -> pd.DataFrame:
    data = longitudinal(3).drop_duplicates(["g", "t"])
    rng = np.random.default_rng(4)
    n = len(data)
    return data.assign(z=rng.normal(size=n), w=rng.uniform(0.5, 2.0, n), o=rng.normal(size=n))


FITS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "lmer": lambda data: harness.lmer(FORMULA, data, weights="w", offset="o"),
    "several": lambda data: harness.lmer("y ~ t + scale(z) + (1 | g) + (1 | arm)", data),
    "lm": lambda data: harness.lm("y ~ arm * t + scale(z)", data, weights="w"),
    "mmrm": lambda data: harness.mmrm("y ~ arm + scale(z)", data, "g", "t", "cs"),
}


def answers(fit: Any) -> dict[str, Any]:
    """Numbers that hang on everything a fit keeps."""
    found = {
        "beta": np.array(fit.beta),
        "vcov": np.array(fit.vcov),
        "fitted": np.array(fit.fitted),
        "summary": fit.summary().to_numpy(),
        "anova": fit.anova().to_numpy(),
        "means": fit.emmeans("z", at={"z": [0.0, 1.0]}).table().to_numpy(),
    }
    if hasattr(fit, "ranef"):
        group = next(iter(fit.groups))
        found["theta"] = np.array(fit.theta)
        found["ranef"] = fit.ranef(group, condvar=True).to_numpy()
        found["influence"] = fit.influence(group).dfbeta.to_numpy()
        found["new"] = fit.prediction_table(frame().iloc[:5]).to_numpy()
        found["scaled"] = fit.residuals("scaled")
    return found


def same(first: dict[str, Any], second: dict[str, Any]) -> None:
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def overwrite(value: Any) -> None:
    """Write into an array or a frame, if it lets itself be written."""
    try:
        if isinstance(value, pd.DataFrame):
            for column in value.select_dtypes("number"):
                value.loc[:, column] = 7
        elif isinstance(value, np.ndarray):
            value[...] = 7
    except ValueError as error:
        assert "read-only" in str(error)  # noqa: PT017


@pytest.mark.parametrize("kind", FITS)
def test_writing_into_what_a_fit_returned(kind: str) -> None:
    wanted = answers(FITS[kind](frame()))
    fit = FITS[kind](frame())
    answers(fit)  # so that everything kept for later is there
    for name in ("beta", "theta", "vcov", "fitted", "covariance_matrix"):
        overwrite(getattr(fit, name, None))
    for name in ("X", "y", "XY", "weights", "offset", "plain_x"):
        overwrite(getattr(fit.design, name))
    for name in ("summary", "residuals", "anova", "leverage", "cooks_distance", "predict", "df"):
        if hasattr(fit, name):
            overwrite(getattr(fit, name)())
    if hasattr(fit, "ranef"):
        group = next(iter(fit.groups))
        overwrite(fit.ranef(group))
        overwrite(fit.conditional_covariance(group))
        overwrite(fit.influence(group).dfbeta)
        overwrite(fit.kenward_roger.half)
    same(wanted, answers(fit))


@pytest.mark.parametrize("kind", FITS)
def test_changing_the_data_afterwards(kind: str) -> None:
    wanted = answers(FITS[kind](frame()))
    data = frame()
    fit = FITS[kind](data)
    data.loc[:, "z"] = 3.0
    data.loc[:, "t"] = 3.0
    data["y"] = data["w"] = data["o"] = 1.0
    data["g"] = data["arm"] = "one"
    same(wanted, answers(fit))


def test_responses_are_the_batch_s_own() -> None:
    fit = FITS["lmer"](frame())
    Y = np.array(fit.simulate(3))
    wanted = [fit.refit(Y[:, r]).beta for r in range(3)]
    batch, one = fit.refit(Y), fit.refit(Y[:, 0])
    residuals = one.residuals()
    Y[...] = 0.0
    np.testing.assert_array_equal(one.residuals(), residuals)
    for name in ("beta", "std_error", "theta", "sigma", "criterion", "responses"):
        overwrite(getattr(batch, name))
    for r in range(3):
        np.testing.assert_array_equal(batch.fit(r).beta, wanted[r])
        np.testing.assert_allclose(batch.beta[r], wanted[r], rtol=1e-7)


def test_one_formula_many_data() -> None:
    """Nothing remembered of a formula belongs to the data it was last used with."""
    formula = "y ~ arm * t + z + (t | g)"
    data = frame()
    wanted = answers(harness.lmer(formula, data))
    levels = sorted(data["arm"].unique(), reverse=True)
    for other in (
        data.assign(arm=pd.Categorical(data["arm"], categories=levels)),
        data.assign(arm=(data["arm"] == levels[0]).astype(float)),
        data.assign(t=data["t"].astype("Int64"), g=data["g"].astype("category")),
        data.iloc[: len(data) // 2],
    ):
        harness.lmer(formula, other).anova()
        harness.lmer(formula, other, weights="w").anova()
    same(wanted, answers(harness.lmer(formula, data)))
