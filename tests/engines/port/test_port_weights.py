"""Prior weights and offsets against the normal density itself, and by what cannot change."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from kenward_roger_dense import dense
from port_data import classic, dense_z, longitudinal, trial_by_site

import harness
from harness.engines.port.fit import Fit
from harness.engines.port.structure import structure_of
from harness.errors import ModelError

ONE = "y ~ arm * t + (t | g)"
SEVERAL = "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)"


@cache
def one(spread: float = 3.0) -> pd.DataFrame:
    """Weights within groups from 10^-spread to 10^spread, and an offset."""
    rng = np.random.default_rng(5)
    frame = longitudinal(3)
    n = len(frame)
    return frame.assign(w=10.0 ** rng.uniform(-spread, spread, n), o=rng.normal(size=n))


@cache
def several() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    frame = trial_by_site(2)
    n = len(frame)
    return frame.assign(w=10.0 ** rng.uniform(-1, 1, n), o=rng.normal(size=n))


def minus_twice_loglik(fit: Fit) -> float:
    """Of the density with covariance ``sigma^2 (W^-1 + Z Lambda Lambda' Z')``, as it is written."""
    design = fit.design
    X, n = design.X, fit.n_obs
    V = np.diag(np.ones(n) if design.weights is None else 1.0 / design.weights)
    start = 0
    for term in design.random:
        structure = structure_of((len(term.names),))
        Lambda = structure.Lambda(fit.theta[start : start + structure.t])
        start += structure.t
        codes = {g.label: g.codes for g in design.groupings}[term.group]
        Z = dense_z([list(term.columns)], codes)
        V += Z @ np.kron(np.eye(int(codes.max()) + 1), Lambda @ Lambda.T) @ Z.T
    V *= fit.sigma**2
    Vi = np.linalg.inv(V)
    information = X.T @ Vi @ X
    y = design.y if design.offset is None else design.y - design.offset
    beta = np.linalg.solve(information, X.T @ Vi @ y)
    np.testing.assert_allclose(fit.beta, beta, rtol=1e-9)
    np.testing.assert_allclose(fit.vcov, np.linalg.inv(information), rtol=1e-8)
    rest = y - X @ beta
    d = n - len(beta) if design.spec.reml else n
    value = d * np.log(2 * np.pi) + np.linalg.slogdet(V)[1] + rest @ Vi @ rest
    return float(value + (np.linalg.slogdet(information)[1] if design.spec.reml else 0.0))


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", [ONE, "y ~ arm * t + (t || g)", "y ~ arm + (1 | g)"])
def test_one_factor_is_the_density(formula: str, reml: bool) -> None:
    fit = harness.lmer(formula, one(), reml, weights="w", offset="o")
    assert fit.converged
    assert fit.criterion == pytest.approx(minus_twice_loglik(fit), rel=1e-12)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", [SEVERAL, "y ~ t + (1 | site/id)"])
def test_several_factors_are_the_density(formula: str, reml: bool) -> None:
    fit = harness.lmer(formula, several(), reml, weights="w", offset="o")
    assert fit.converged
    assert fit.criterion == pytest.approx(minus_twice_loglik(fit), rel=1e-12)


@pytest.mark.parametrize("spread", [0.5, 3.0])
@pytest.mark.parametrize("formula", [ONE, "y ~ arm * t + (t || g)", "y ~ arm * t + (1 | g)"])
def test_kenward_roger_is_the_paper_s(formula: str, spread: float) -> None:
    # pbkrtest cannot serve: it takes every residual variance for sigma^2 (see the live tests).
    fit = harness.lmer(formula, one(spread), weights="w", offset="o")
    wanted, kr, L = dense(fit), fit.kenward_roger, np.eye(4)
    np.testing.assert_allclose(kr.vcov, wanted.adjusted, rtol=1e-10)
    for j, df in enumerate(kr.df()):
        assert df == pytest.approx(wanted.test(L[j : j + 1], fit.beta)[0], rel=1e-9)
    test = kr.f_test(L[1:], fit.beta)
    found = (test.den_df, test.scale, test.f_value)
    assert found == pytest.approx(wanted.test(L[1:], fit.beta), rel=1e-9)


def test_kenward_roger_of_several_factors_is_the_paper_s() -> None:
    fit = harness.lmer(SEVERAL, several(), weights="w", offset="o")
    wanted, L = dense(fit), np.eye(4)
    np.testing.assert_allclose(fit.kenward_roger.vcov, wanted.adjusted, rtol=1e-8)
    for j, df in enumerate(fit.kenward_roger.df()):
        assert df == pytest.approx(wanted.test(L[j : j + 1], fit.beta)[0], rel=1e-7)


@pytest.mark.parametrize(("formula", "make"), [(ONE, one), (SEVERAL, several)])
@pytest.mark.parametrize("factor", [1.0, 1e-3, 7.0])
def test_equal_weights_change_the_unit_of_sigma_alone(formula: str, make, factor: float) -> None:
    frame = make()
    base = harness.lmer(formula, frame)
    fit = harness.lmer(formula, frame.assign(w=factor), weights="w")
    assert fit.sigma == pytest.approx(base.sigma * factor**0.5, rel=1e-7)
    assert fit.criterion == pytest.approx(base.criterion, rel=1e-12)
    np.testing.assert_allclose(fit.vcov, base.vcov, rtol=1e-6)
    np.testing.assert_allclose(fit.df(), base.df(), rtol=1e-5)


@pytest.mark.parametrize(("formula", "make"), [(ONE, one), (SEVERAL, several)])
def test_an_offset_is_taken_from_the_response_and_given_back(formula: str, make) -> None:
    frame = make()
    fit = harness.lmer(formula, frame, weights="w", offset="o")
    other = harness.lmer(formula, frame.assign(y=frame["y"] - frame["o"]), weights="w")
    np.testing.assert_array_equal(fit.beta, other.beta)
    np.testing.assert_array_equal(fit.theta, other.theta)
    np.testing.assert_allclose(fit.fitted, other.fitted + frame["o"], rtol=1e-13)
    np.testing.assert_array_equal(fit.design.y, frame["y"])
    inside = harness.lmer(formula.replace("~", "~ offset(o) +"), frame, weights="w")
    assert inside.names == fit.names
    assert inside.criterion == fit.criterion
    twice = harness.lmer(formula.replace("~", "~ offset(o) +"), frame, weights="w", offset="o")
    np.testing.assert_array_equal(twice.design.offset, 2 * frame["o"])
    shifted = harness.lmer(formula, frame.assign(y=frame["y"] - 2 * frame["o"]), weights="w")
    np.testing.assert_array_equal(twice.beta, shifted.beta)


@pytest.mark.parametrize(("formula", "make"), [(ONE, one), (SEVERAL, several)])
def test_modes_are_those_of_the_weighted_rows(formula: str, make) -> None:
    fit = harness.lmer(formula, make(), weights="w", offset="o")
    design = fit.design
    rest = (design.y - fit.fitted) * design.weights
    # Normal equations of the effects: Z'W (y - fitted) = (Lambda Lambda')^-1 b, with b as found.
    start = 0
    for term in design.random:
        structure = structure_of((len(term.names),))
        Lambda = structure.Lambda(fit.theta[start : start + structure.t])
        start += structure.t
        codes = {g.label: g.codes for g in design.groupings}[term.group]
        pull = dense_z([list(term.columns)], codes).T @ rest
        modes = fit.ranef(term.group)[list(term.names)].to_numpy()
        wanted = pull.reshape(modes.shape) @ Lambda @ Lambda.T
        np.testing.assert_allclose(modes, wanted, atol=1e-9 * np.abs(modes).max())


def test_rows_without_weight_or_offset_are_omitted_and_told() -> None:
    frame = one().copy()
    frame.index = [f"row {k}" for k in range(len(frame))]
    frame.loc["row 3", "w"] = np.nan
    frame.loc["row 8", "o"] = np.nan
    fit = harness.lmer(ONE, frame, weights="w", offset="o")
    assert fit.omitted.tolist() == ["row 3", "row 8"]
    assert fit.n_obs == len(frame) - 2
    less = harness.lmer(ONE, frame.drop(["row 3", "row 8"]), weights="w", offset="o")
    assert fit.criterion == less.criterion
    assert less.omitted.tolist() == []


def test_a_weight_of_a_row_left_out_is_not_judged() -> None:
    frame = one().copy()
    frame.loc[4, ["y", "w"]] = [np.nan, -1.0]
    assert harness.lmer(ONE, frame, weights="w").n_obs == len(frame) - 1
    frame.loc[5, "w"] = -1.0
    with pytest.raises(ModelError, match="1 of"):
        harness.lmer(ONE, frame, weights="w")


def test_a_linear_model_weighs_as_if_rows_were_repeated() -> None:
    frame = classic("cake").iloc[:60]
    frame = frame.assign(w=np.tile([1.0, 2.0, 3.0], 20), o=np.linspace(0, 2, 60))
    fit = harness.lm("angle ~ recipe + temp", frame, weights="w", offset="o")
    many = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    other = harness.lm("angle ~ recipe + temp", many, offset="o")
    np.testing.assert_allclose(fit.beta, other.beta, rtol=1e-9)
    assert fit.df_residual == 60 - 4
    rest = frame["angle"] - fit.fitted
    assert fit.sigma == pytest.approx(np.sqrt((frame["w"] * rest**2).sum() / 56), rel=1e-12)
    assert fit.sigma * np.sqrt(56 / other.df_residual) == pytest.approx(other.sigma, rel=1e-9)


def test_without_weights_nothing_is_copied() -> None:
    design = harness.lmer(ONE, one()).design
    assert design.weights is None
    assert design.offset is None
    assert design.working_random is design.random
    assert np.shares_memory(design.X, design.XY)
    weighted = harness.lmer(ONE, one(), weights="w").design
    np.testing.assert_array_equal(weighted.X, design.X)
    np.testing.assert_allclose(weighted.XY[:, -1], weighted.working(weighted.y), rtol=1e-15)
