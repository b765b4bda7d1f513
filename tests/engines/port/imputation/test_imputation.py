"""Draws under "missing at random", against the posterior's moments and what is improper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from trial_with_losses import COLUMNS, trial_with_losses

import harness
from harness.engines.port.imputation import chained
from harness.engines.port.imputation.imputed import Imputed
from harness.engines.port.imputation.pooling import pool
from harness.errors import DataError, HarnessError

MCSE = 4.0
"""Monte-Carlo standard errors within which an answer is as it should be (policy: T4)."""


def two_waves(imputations: int = 2000, **more: Any) -> Imputed:
    data = trial_with_losses(25, 2, seed=8, loss=(0.5, 0.6))
    return harness.impute(data, "y", **COLUMNS, imputations=imputations, seed=11, **more)


def expected_mean(imputed: Imputed, arm: int) -> tuple[float, float]:
    """Of the mean after treatment in an arm: its value and variance over imputations, by algebra.

    Missing values are ``x'beta* + sigma* e``, and sigma*^2 = RSS / chi^2(k) has mean RSS/(k - 2).
    """
    Y = imputed.wide.Y[imputed.wide.of_arm == arm]
    seen = ~np.isnan(Y[:, 1])
    D = np.column_stack([np.ones(len(Y)), Y[:, 0]])
    beta, rss, *_ = np.linalg.lstsq(D[seen], Y[seen, 1])
    s2 = float(rss[0]) / (seen.sum() - 2 - 2)
    x = D[~seen].mean(axis=0)
    share = (~seen).mean()
    variance = share**2 * s2 * (1 / (~seen).sum() + x @ np.linalg.inv(D[seen].T @ D[seen]) @ x)
    return float((Y[seen, 1].sum() + (D[~seen] @ beta).sum()) / len(Y)), float(variance)


def off(means: np.ndarray, wanted: tuple[float, float]) -> tuple[float, float]:
    """How many Monte-Carlo errors mean and variance of ``means`` are off."""
    found = pool(means, np.ones(len(means)))
    mean, between = found.numbers.estimate[0], found.numbers.between[0]
    errors = found.mc_error.estimate[0], found.mc_error.between[0]
    return abs(mean - wanted[0]) / errors[0], abs(between - wanted[1]) / errors[1]


@pytest.mark.parametrize("arm", [0, 1])
def test_draws_have_the_posteriors_mean_and_variance(arm: int) -> None:
    imputed = two_waves()
    means = imputed.values[:, imputed.wide.of_arm == arm, 1].mean(axis=1)
    assert max(off(means, expected_mean(imputed, arm))) < MCSE


def test_without_parameter_draws_the_variance_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def improper(D: np.ndarray, y: np.ndarray, *_: object) -> tuple[np.ndarray, np.ndarray]:
        beta, rss, *_ = np.linalg.lstsq(D[0], y[0])
        n, p = D[0].shape
        return np.tile(beta, (len(D), 1)), np.full(len(D), math.sqrt(rss[0] / (n - p)))

    monkeypatch.setattr(chained, "posterior_draws", improper)
    imputed = two_waves()
    means = imputed.values[:, imputed.wide.of_arm == 1, 1].mean(axis=1)
    assert off(means, expected_mean(imputed, 1))[1] > MCSE


def test_with_the_arm_left_out_the_mean_is_wrong() -> None:
    imputed = two_waves()
    data = imputed.wide.frame.assign(nobody="all")
    blind = harness.impute(
        data, "y", id="id", time="visit", arm="nobody", imputations=2000, seed=11
    )
    means = blind.values[:, imputed.wide.of_arm == 1, 1].mean(axis=1)
    assert off(means, expected_mean(imputed, 1))[0] > MCSE


def test_statsmodels_mice_is_improper_here() -> None:
    """It matches predicted means; with one predictor its draws do not change the donors at all."""
    from statsmodels.imputation.mice import MICEData

    imputed = two_waves()
    Y = imputed.wide.Y[imputed.wide.of_arm == 1]
    draws = MICEData(pd.DataFrame(Y, columns=["pre", "post"]), rng=np.random.default_rng(1))
    means = np.empty(60)
    for k in range(len(means)):
        draws.update_all(1)
        means[k] = draws.data["post"].mean()
    wanted = expected_mean(imputed, 1)
    assert off(means, wanted)[1] > MCSE
    assert means.var(ddof=1) < 0.5 * wanted[1]


def test_what_was_seen_stays_and_everything_else_is_drawn() -> None:
    imputed = harness.impute(
        trial_with_losses(), "y", **COLUMNS, covariates=["age"], imputations=4, iterations=3
    )
    seen = ~imputed.wide.missing
    assert (imputed.values[:, seen] == imputed.wide.Y[seen]).all()
    assert np.isfinite(imputed.values).all()
    assert (imputed.values[0] != imputed.values[1])[~seen].all()
    assert not imputed.values.flags.writeable
    assert len(imputed.completed(3)) == imputed.wide.Y.size


def test_the_same_seed_gives_the_same_draws_and_numpys_own_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index,union-attr]
    asked = {**COLUMNS, "imputations": 3, "iterations": 2}
    one, two = (harness.impute(trial_with_losses(), "y", **asked, seed=9) for _ in range(2))
    other = harness.impute(trial_with_losses(), "y", **asked, seed=10)
    assert (one.values == two.values).all()
    assert not (one.values == other.values).all()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index,union-attr]


def test_a_visit_without_a_row_is_missing_like_one_without_a_value() -> None:
    data = trial_with_losses()
    asked = {**COLUMNS, "imputations": 3, "iterations": 2, "covariates": ["age"]}
    with_rows = harness.impute(data, "y", **asked)
    without = harness.impute(data.dropna(subset=["y"]), "y", **asked)
    assert (with_rows.values == without.values).all()
    model = "y ~ arm * visit + age + base + (1 | id)"
    table = without.fit(model).summary()
    pd.testing.assert_frame_equal(table, with_rows.fit(model).summary())


@pytest.mark.parametrize(
    "model", ["y ~ arm * visit + age + (1 | id)", "y ~ arm + base + offset(age)"]
)
def test_a_pooled_fit_is_the_fits_one_by_one_pooled(model: str) -> None:
    imputed = harness.impute(trial_with_losses(), "y", **COLUMNS, imputations=4, iterations=3)
    visits = None if "|" in model else ["v2"]
    found = imputed.fit(model, visits=visits).summary()
    tables = []
    for k in range(4):
        data = imputed.completed(k)
        data = data if visits is None else data[data["visit"] == "v2"]
        tables.append((harness.lmer if "|" in model else harness.lm)(model, data).summary())
    Q, SE, nu = (
        np.stack([table[name].to_numpy() for table in tables])
        for name in ("estimate", "std_error", "df")
    )
    wanted = pool(Q, SE**2, nu).numbers
    # The fits of a batch end where the search of each ends, to 1e-8.
    for name in ("estimate", "std_error", "df", "conf_low"):
        assert found[name].to_numpy() == pytest.approx(getattr(wanted, name), rel=1e-6), name


def test_where_nothing_is_missing_the_pooled_fit_is_the_fit() -> None:
    model = "y ~ arm * visit + (1 | id)"
    data = trial_with_losses(loss=(0.0, 0.0))
    found = harness.impute(data, "y", **COLUMNS, imputations=3).fit(model).summary()
    wanted = harness.lmer(model, data).summary()
    for name in ("estimate", "std_error", "statistic"):
        assert found[name].to_numpy() == pytest.approx(wanted[name].to_numpy(), rel=1e-6)
    nu = wanted["df"].to_numpy()
    assert found["df"].to_numpy() == pytest.approx(nu * (nu + 1) / (nu + 3), rel=1e-4)
    assert found["between"].to_numpy() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "asked", "message"),
    [
        ({}, {"imputations": 1}, "imputations must be a whole number, 2 or more"),
        ({}, {"iterations": 0}, "iterations must be"),
        ({}, {"seed": -1}, "seed must be"),
        ({}, {"by_arm": "yes"}, "by_arm must be True or False"),
        ({}, {"covariates": ["weight"]}, "no column `weight`"),
        ({}, {"covariates": ["visit"]}, "`visit` is missing or varies within a patient"),
        ({"age": np.nan}, {"covariates": ["age"]}, "`age` is missing or varies"),
        ({"age": 40.0}, {"covariates": ["age"]}, "arm TAU, visit v1: its predictors are linearly"),
        ({"y": np.nan}, {}, "`y` was never seen"),
        ({"y": "a"}, {}, "is not a number"),
        ({"y": np.inf}, {}, "is infinite"),
        ({"id": "A"}, {}, "patient A has two rows of visit v0"),
        ({"arm": None}, {}, "`arm` is missing in"),
    ],
)
def test_what_cannot_be_imputed_is_said_in_a_line(change: dict, asked: dict, message: str) -> None:
    data = trial_with_losses().assign(**change)
    with pytest.raises(HarnessError, match=message):
        harness.impute(data, "y", **{**COLUMNS, "imputations": 2, **asked})


def test_an_arm_nobody_of_whom_was_seen_or_too_few_is_refused() -> None:
    data = trial_with_losses()
    gone = (data["arm"] == "New") & (data["visit"] == "v2")
    with pytest.raises(DataError, match="nobody of arm New was seen at visit v2"):
        harness.impute(data.assign(y=data["y"].mask(gone)), "y", **COLUMNS)
    few = gone & ~data["id"].isin(["New0", "New1", "New2"])
    with pytest.raises(HarnessError, match="3 patients seen for 3 coefficients"):
        harness.impute(data.assign(y=data["y"].mask(few)), "y", **COLUMNS)
    assert (
        len(harness.impute(data.assign(y=data["y"].mask(few)), "y", **COLUMNS, by_arm=False)) == 50
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("age ~ arm + (1 | id)", "the imputed column `y` must be the response"),
        ("log(y) ~ arm + (1 | id)", "the imputed column `y` must be the response"),
        ("y ~ arm * y + (1 | id)", "the outcome is also a predictor"),
        ("y ~ arm + marker + (1 | id)", "`marker` missing in"),
    ],
)
def test_models_that_imputation_does_not_serve_are_refused(model: str, message: str) -> None:
    data = trial_with_losses()
    imputed = harness.impute(
        data.assign(marker=data["y"] / 2), "y", **COLUMNS, imputations=2, iterations=1
    )
    with pytest.raises(HarnessError, match=message):
        imputed.fit(model)
