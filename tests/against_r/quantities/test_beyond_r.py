"""What R has no answer to, or another one, by name: computed from the definition instead."""

from __future__ import annotations

import sys

import numpy as np
import port_answers
import pytest
from models import EVERY, TESTS
from r_answers import R

sys.path.insert(0, str(TESTS / "against_truth"))

from design import exact_model
from exact import deviance, profiled, state
from kenward_roger_exact import DIGITS, kenward_roger
from mpmath import mp, mpf

STEP = mpf(10) ** -16


@pytest.mark.exhaustive
def test_slope_of_a_parabola(r: R) -> None:
    """Rule `chord`: the slope at the mean day from R's coefficients and their covariance."""
    name = "sleepstudy-quadratic-reml"
    fit, said = port_answers.fitted(name), r.answer(name)["at"]
    L = np.array([0.0, 1.0, 2.0 * EVERY[name].frame()["Days"].mean()])
    error = np.sqrt(L @ said["vcov"].reshape(3, 3) @ L)
    for method in ("satterthwaite", "kenward-roger"):
        row = fit.emtrends([], "Days", df=method).table().iloc[0]
        assert row["trend"] == pytest.approx(L @ said["beta"], abs=1e-9 * error)
        assert row["df"] == pytest.approx(fit.contrast_df(L[None, :], method)[0], rel=1e-9)
        if method == "satterthwaite":
            assert row["std_error"] == pytest.approx(error, rel=1e-10)


@pytest.mark.truth
@pytest.mark.exhaustive
def test_satterthwaite_where_a_correlation_is_one() -> None:
    """The definition at 40 digits, the column of Lambda that is zero held there.

    The criterion is even in that column, so the cross derivatives with it are zero and holding it
    changes nothing; R has no such model to ask.
    """
    name = "singular-correlation-reml"
    fit = port_answers.fitted(name)
    assert fit.theta[2] == 0.0
    with mp.workdps(60):
        model = exact_model(fit.design)
        at = [mpf(v) for v in fit.theta[:2].tolist()]
        point = [*at, mp.sqrt(state(model, [*at, mpf(0)]).quadratic / model.d)]
        k = len(point)

        def value(v: list[mpf]) -> mpf:
            return deviance(model, [v[0], v[1], mpf(0)], v[2])

        def variances(v: list[mpf]) -> list[mpf]:
            inverse = state(model, [v[0], v[1], mpf(0)]).information ** -1
            return [v[2] ** 2 * inverse[j, j] for j in range(model.p)]

        def moved(**by: int) -> list[mpf]:
            return [v + by.get(f"x{i}", 0) * STEP for i, v in enumerate(point)]

        hessian = mp.zeros(k, k)
        centre = value(point)
        for i in range(k):
            up, down = value(moved(**{f"x{i}": 1})), value(moved(**{f"x{i}": -1}))
            hessian[i, i] = (up - 2 * centre + down) / STEP**2
            for j in range(i):
                signs = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
                cross = sum(s * value(moved(**{f"x{i}": a, f"x{j}": b})) for a, b, s in signs)
                hessian[i, j] = hessian[j, i] = cross / (4 * STEP**2)
        covariance = 2 * hessian**-1
        slopes = [
            [
                (u - d) / (2 * STEP)
                for u, d in zip(
                    variances(moved(**{f"x{i}": 1})),
                    variances(moved(**{f"x{i}": -1})),
                    strict=True,
                )
            ]
            for i in range(k)
        ]
        truth = []
        for j, variance in enumerate(variances(point)):
            g = mp.matrix([row[j] for row in slopes])
            truth.append(float(2 * variance**2 / (g.T * covariance * g)[0]))
    assert fit.df() == pytest.approx(truth, rel=1e-7)


@pytest.mark.truth
@pytest.mark.exhaustive
def test_effects_a_thousand_times_the_residual() -> None:
    """Where pbkrtest drops a parameter (its df are twice the true ones) and lme4 loses digits.

    R's standard errors are 1e-8 off there, lmerTest's df 1e-3 and its criterion 2e-8.
    """
    fit = port_answers.fitted("large-effects-1000-reml")
    p = len(fit.names)
    with mp.workdps(DIGITS):
        model, theta = exact_model(fit.design), [mpf(v) for v in fit.theta.tolist()]
        truth = kenward_roger(model, theta)
        criterion = float(profiled(model, theta))
        df = [float(truth.test(mp.eye(p)[j, :])[0]) for j in range(p)]
        error = [float(v) for v in truth.std_error()]
        plain = [float(truth.sigma * mp.sqrt(truth.Phi[j, j])) for j in range(p)]
        beta = np.array([float(v) for v in truth.beta])
    assert fit.criterion == pytest.approx(criterion, abs=1e-9)
    assert np.abs((fit.beta - beta) / plain).max() < 1e-9
    assert np.sqrt(fit.vcov.diagonal()) == pytest.approx(plain, rel=1e-10)
    assert fit.kenward_roger.df() == pytest.approx(df, rel=1e-10)
    assert fit.kenward_roger.std_error == pytest.approx(error, rel=1e-10)
