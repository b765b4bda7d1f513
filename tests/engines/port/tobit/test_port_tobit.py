"""Tobin's model: derivatives, 40-digit arithmetic, least squares, likelihoods without end."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pandas as pd
import pytest

from harness.engines.port.engine import PortEngine
from harness.engines.port.tobit.existence import rising_direction
from harness.engines.port.tobit.fit import TobitFit
from harness.engines.port.tobit.likelihood import (
    derivatives_at,
    log_likelihood,
    mills_ratio,
    value_at,
)
from harness.errors import ModelError
from harness.language.formula import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec

PORT = PortEngine()


def asked(formula: str = "y ~ arm * x", **choices: object) -> ModelSpec:
    return ModelSpec(parse_formula(formula), df_method="z", censored="low", **choices)


def fit(frame: pd.DataFrame, formula: str = "y ~ arm * x") -> TobitFit:
    return TobitFit(build_design(asked(formula), frame))


def markers(n: int = 40, limit: float = -0.3, mean: float = 0.0) -> pd.DataFrame:
    """Log concentrations in two arms by a covariate, the limit where they lie below it."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=n)
    arm = np.arange(n) % 2
    y = 0.4 * arm + 0.6 * x + rng.normal(size=n)
    low = y < limit
    return pd.DataFrame(
        {
            "y": np.where(low, limit, y) + mean,
            "low": low.astype(float),
            "arm": pd.Categorical(np.array(["T", "N"])[arm], ["T", "N"]),
            "x": x,
        }
    )


def exact(frame: pd.DataFrame) -> tuple[list[float], list[float], float]:
    """Coefficients and log sigma, their errors and the log-likelihood, by 40-digit arithmetic.

    Newton's method on the likelihood of Tobin (1958) in (beta, log sigma) as it stands.
    """
    with mpmath.workdps(40):
        X = build_design(asked(), frame).X
        rows = [[mpmath.mpf(float(v)) for v in row] for row in X]
        y = [mpmath.mpf(float(v)) for v in frame["y"]]
        low = [bool(v) for v in frame["low"]]
        p = len(rows[0])
        log_2pi = mpmath.log(2 * mpmath.pi)
        # From the port's own answer: where a search begins does not move where it ends.
        start = fit(frame)
        at = mpmath.matrix([*map(float, start.beta), math.log(start.sigma)])

        def parts(at: mpmath.matrix) -> tuple[mpmath.mpf, mpmath.matrix, mpmath.matrix]:
            sigma, value = mpmath.exp(at[p]), mpmath.mpf(0)
            g, H = mpmath.matrix(p + 1, 1), mpmath.matrix(p + 1, p + 1)
            for row, outcome, censored in zip(rows, y, low, strict=True):
                z = (outcome - sum(a * b for a, b in zip(row, at[:p], strict=True))) / sigma
                dz = [-a / sigma for a in row] + [-z]
                if censored:
                    Phi = mpmath.erfc(-z / mpmath.sqrt(2)) / 2
                    ratio = mpmath.exp(-z * z / 2 - log_2pi / 2) / Phi
                    value += mpmath.log(Phi)
                    first, second = ratio, -ratio * (z + ratio)
                else:
                    value -= z * z / 2 + log_2pi / 2 + at[p]
                    first, second = -z, mpmath.mpf(-1)
                for i in range(p + 1):
                    g[i] += first * dz[i] - (0 if censored or i < p else 1)
                    for j in range(p + 1):
                        # z's second derivatives: -dz by log sigma.
                        bend = -dz[j] if i == p else -dz[i] if j == p else 0
                        H[i, j] += second * dz[i] * dz[j] + first * bend
            return value, g, H

        for _ in range(6):
            _, g, H = parts(at)
            at = at - mpmath.lu_solve(H, g)
        value, g, H = parts(at)
        assert mpmath.norm(g) < mpmath.mpf(10) ** -30
        V = mpmath.inverse(-H)
        errors = [float(mpmath.sqrt(V[i, i])) for i in range(p)]
        return [float(v) for v in at], errors, float(value)


@pytest.mark.parametrize(
    "frame",
    [markers(), markers(limit=0.6), markers(limit=-1.4, mean=400.0)],
    ids=["a third", "most", "few, far from zero"],
)
def test_it_is_the_maximum_to_the_last_digits(frame):
    found = fit(frame)
    coefficients, errors, loglik = exact(frame)
    assert 0 < found.n_below < len(frame)
    std_error = found.table().std_error
    assert np.abs(found.beta - coefficients[:-1]) / errors == pytest.approx(0, abs=1e-11)
    assert std_error == pytest.approx(errors, rel=1e-11)
    assert math.log(found.sigma) == pytest.approx(coefficients[-1], abs=1e-12)
    assert found.loglik == pytest.approx(loglik, abs=1e-11)
    assert found.maximum.gradient_norm < 1e-10


def test_without_a_censored_row_it_is_normal_regression():
    frame = markers().assign(low=0.0)
    tobit, linear = (
        PORT.fit(asked(), frame),
        PORT.fit(ModelSpec(parse_formula("y ~ arm * x"), df_method="z"), frame),
    )
    shrink = math.sqrt((len(frame) - 4) / len(frame))
    for name in ("loglik", "criterion", "aic", "bic"):
        assert getattr(tobit.fit, name) == pytest.approx(getattr(linear.fit, name), rel=1e-13)
    assert tobit.random[0].estimate == pytest.approx(linear.random[0].estimate * shrink, rel=1e-13)
    for one, other in zip(tobit.fixed, linear.fixed, strict=True):
        assert one.estimate == pytest.approx(other.estimate, rel=1e-12)
        assert one.std_error == pytest.approx(other.std_error * shrink, rel=1e-12)
        assert one.df == math.inf


def test_gradient_and_information_are_the_derivatives_of_the_value():
    rng = np.random.default_rng(1)
    A, v = rng.normal(size=(30, 3)), np.array([0.3, -0.2, 0.8])
    below = rng.random(30) < 0.4
    here = derivatives_at(A, below, v)
    h = 1e-5
    for k in range(3):
        step = h * np.eye(3)[k]
        up, down = derivatives_at(A, below, v + step), derivatives_at(A, below, v - step)
        assert (up.value - down.value) / (2 * h) == pytest.approx(here.gradient[k], rel=1e-8)
        slope = (up.gradient - down.gradient) / (2 * h)
        assert -slope == pytest.approx(here.information[k], rel=1e-7, abs=1e-8)
    assert value_at(A, below, np.array([0.0, 0.0, -1.0])) == -math.inf


def test_the_value_is_the_likelihood_in_the_outcomes_unit_less_a_constant():
    A = np.column_stack([-np.ones(4), np.array([1.0, 2.0, 3.0, 5.0])])
    below = np.array([True, False, False, False])
    mean, sigma = 2.5, 1.5
    v = np.array([mean / sigma, 1 / sigma])
    wanted = log_likelihood(A[:, 1] - mean, sigma, below)
    assert value_at(A, below, v) - 1.5 * math.log(2 * math.pi) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("z", [-200.0, -30.0, -5.0, 0.0, 5.0, 38.0])
def test_mills_ratio_is_right_in_either_tail(z):
    with mpmath.workdps(40):
        wanted = mpmath.npdf(z) / (mpmath.erfc(-mpmath.mpf(z) / mpmath.sqrt(2)) / 2)
    assert mills_ratio(np.array([z]))[0] == pytest.approx(float(wanted), rel=1e-13)


def test_a_change_of_unit_or_origin_changes_what_it_must():
    plain, moved = fit(markers()), fit(markers().assign(y=lambda d: 1000 + 0.01 * d["y"]))
    assert moved.beta[1:] == pytest.approx(0.01 * plain.beta[1:], rel=1e-9)
    assert moved.beta[0] - 1000 == pytest.approx(0.01 * plain.beta[0], rel=1e-9)
    assert moved.sigma == pytest.approx(0.01 * plain.sigma, rel=1e-10)


def with_level_below() -> pd.DataFrame:
    """A level of a factor all of whose rows lie below the limit."""
    g = pd.Categorical(np.array(list("abc"))[np.arange(40) % 3])
    frame = markers().assign(g=g)
    low = (frame["g"] == "c") | (frame["low"] == 1)
    return frame.assign(low=low.astype(float), y=frame["y"].where(~low, -0.3))


def two_seen(limit: float) -> pd.DataFrame:
    """All but the first two rows lie below a limit."""
    frame = markers()
    rest = frame.index > 1
    return frame.assign(low=rest.astype(float), y=frame["y"].mask(rest, limit))


@pytest.mark.parametrize(
    ("frame", "formula", "message"),
    [
        (markers().assign(low=1.0), "y ~ x", "all 40 rows are below the limit"),
        (with_level_below(), "y ~ g", "no finite estimate of gc: all rows that would tell"),
        (
            two_seen(20.0),
            "y ~ x",
            "the 2 rows above the limit are fitted exactly",
        ),
        (markers().assign(low=0.5), "y ~ x", "censored `low` is 0.5 in a row; it must be 1"),
        (markers().assign(y=lambda d: 2 * d["x"]), "y ~ x", "an exact combination of the fixed"),
    ],
    ids=["all", "level", "exact", "flag", "combination"],
)  # fmt: skip
def test_a_likelihood_without_a_maximum_is_refused_in_words(frame, formula, message):
    with pytest.raises(ModelError, match=message):
        fit(frame, formula)


def test_few_seen_rows_have_a_maximum_where_the_others_hold_the_line():
    """The line through the two seen rows lies above the limit where a row lies below it."""
    found = fit(two_seen(-5.0), "y ~ x")
    assert found.n_below == 38
    assert found.maximum.gradient_norm < 1e-10


def test_a_rising_direction_rises_in_some_row_below_and_falls_in_none():
    A = np.array([[-1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    below = np.array([False, True, True])
    direction = rising_direction(A, below)
    assert direction is not None
    assert A[0] @ direction == pytest.approx(0, abs=1e-12)
    assert (A[1:] @ direction > 0).all()
    A[2] = [0.0, -2.0, -1.0]
    assert rising_direction(A, below) is None


def test_rows_whose_flag_is_missing_are_left_out():
    frame = markers()
    frame.loc[3, "low"] = np.nan
    there = PORT.fit(asked(), frame)
    here = PORT.fit(asked(), frame.drop(index=3))
    assert there.n_obs == 39
    assert there.fixed == here.fixed
    assert there.problem == here.problem
    assert there.problem is not None
    assert there.problem.censored is not None


def test_what_a_tobit_model_has_not_is_refused():
    frame = markers().assign(w=1.0)
    with pytest.raises(ModelError, match="has no weights here"):
        PORT.fit(asked(weights="w"), frame)
    with pytest.raises(ModelError, match="has no random terms here"):
        PORT.fit(asked("y ~ x + (1 | arm)"), frame)
