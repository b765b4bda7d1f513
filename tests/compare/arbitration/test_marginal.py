"""The third evaluator against closed forms, against itself in 30 digits, and against the port."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from port_data import classic
from scipy.stats import multivariate_normal

from harness.compare.arbitration.judge import relative_factors
from harness.compare.arbitration.marginal import (
    backward,
    cholesky,
    forward,
    independent_rows,
    marginal,
)
from harness.engines.port.engine import PortEngine
from harness.language import parse_formula
from harness.models.design import Design, build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec

PORT = PortEngine()


def weighted() -> pd.DataFrame:
    frame = classic("sleepstudy")
    rng = np.random.default_rng(5)
    return frame.assign(w=rng.uniform(0.2, 5.0, len(frame)), o=rng.normal(0, 30, len(frame)))


SLEEP = parse_formula("Reaction ~ Days + (Days | Subject)")
MODELS: dict[str, tuple[ModelSpec, pd.DataFrame]] = {
    "slopes-reml": (ModelSpec(SLEEP), classic("sleepstudy")),
    "slopes-ml": (ModelSpec(SLEEP, reml=False), classic("sleepstudy")),
    "weights-offset": (ModelSpec(SLEEP, weights="w", offset="o"), weighted()),
    "nested": (
        ModelSpec(parse_formula("strength ~ 1 + (1 | batch) + (1 | sample)")),
        classic("Pastes"),
    ),
    "crossed-ml": (
        ModelSpec(parse_formula("diameter ~ 1 + (1 | plate) + (1 | sample)"), reml=False),
        classic("Penicillin"),
    ),
}


def sigma_of(answer: Estimates) -> float:
    return next(part.estimate for part in answer.random if part.term == "sigma")


def at_the_optimum(name: str) -> tuple[Design, Estimates]:
    spec, frame = MODELS[name]
    return build_design(spec, frame), PORT.fit(spec, frame)


@pytest.mark.truth
@pytest.mark.parametrize("digits", [0, 30], ids=["doubles", "30-digits"])
@pytest.mark.parametrize("name", [n for n in MODELS if n != "crossed-ml"])
def test_it_agrees_with_the_port(name: str, digits: int) -> None:
    design, answer = at_the_optimum(name)
    factors = relative_factors(design, answer)
    assert factors is not None
    found = marginal(design, factors, sigma_of(answer), digits)
    assert found.profiled == pytest.approx(answer.fit.criterion, rel=1e-13, abs=1e-11)
    assert found.criterion == pytest.approx(found.profiled, rel=1e-13, abs=1e-11)
    assert found.sigma == pytest.approx(sigma_of(answer), rel=1e-12)
    for effect, beta, error in zip(answer.fixed, found.beta, found.std_error, strict=True):
        assert abs(effect.estimate - beta) <= 1e-11 * error
        assert effect.std_error == pytest.approx(error, rel=1e-11)


def test_crossed_factors_hang_together_and_agree() -> None:
    design, answer = at_the_optimum("crossed-ml")
    assert len(independent_rows(design)) == 1
    factors = relative_factors(design, answer)
    assert factors is not None
    found = marginal(design, factors, sigma_of(answer))
    assert found.profiled == pytest.approx(answer.fit.criterion, rel=1e-12)


@pytest.mark.truth
def test_the_likelihood_is_the_density_of_the_data() -> None:
    """ML: minus twice the log density that scipy has for y, at arbitrary components."""
    spec, frame = MODELS["slopes-ml"]
    design = build_design(spec, frame)
    Lambda, sigma = np.array([[1.1, 0.0], [0.02, 0.2]]), 21.0
    found = marginal(design, [Lambda], sigma)
    Z = np.zeros((180, 36))
    for i, g in enumerate(design.groupings[0].codes):
        Z[i, 2 * g] = 1.0
        Z[i, 2 * g + 1] = frame["Days"].iloc[i]
    V = sigma**2 * (np.eye(180) + Z @ np.kron(np.eye(18), Lambda @ Lambda.T) @ Z.T)
    density = multivariate_normal(design.X @ np.array(found.beta), V)
    assert found.criterion == pytest.approx(-2 * density.logpdf(design.y), rel=1e-12)
    Vi = np.linalg.inv(V)
    C = np.linalg.inv(design.X.T @ Vi @ design.X)
    assert found.beta == pytest.approx(C @ design.X.T @ Vi @ design.y, rel=1e-9)
    assert found.std_error == pytest.approx(np.sqrt(np.diag(C)), rel=1e-9)


@pytest.mark.truth
def test_reml_differs_from_ml_by_the_determinant_of_the_information() -> None:
    """At sigma = s both criteria differ by log|X'V^-1 X| - p log(2 pi); V here without s."""
    spec, frame = MODELS["slopes-reml"]
    reml, ml = (build_design(replace(spec, reml=flag), frame) for flag in (True, False))
    Lambda = np.array([[0.9, 0.0], [0.1, 0.3]])
    one, other = marginal(reml, [Lambda], 1.0), marginal(ml, [Lambda], 1.0)
    errors = np.array(other.std_error)
    assert one.std_error == pytest.approx(errors, rel=1e-12)
    p = 2
    V_inverse_diagonal = one.criterion - other.criterion + p * math.log(2 * math.pi)
    from harness.engines.port.given import fit_at

    fit = fit_at(reml, [0.9, 0.1, 0.3])
    information = np.linalg.inv(fit.vcov / fit.sigma**2)
    assert V_inverse_diagonal == pytest.approx(np.linalg.slogdet(information)[1], rel=1e-10)


def test_triangular_algebra_in_both_arithmetics() -> None:
    from harness.compare.arbitration.marginal import _lift

    rng = np.random.default_rng(3)
    A = rng.normal(size=(6, 6))
    A = A @ A.T + np.eye(6)
    B = rng.normal(size=(6, 3))
    L, exact = cholesky(A), cholesky(_lift(A))
    assert np.allclose(L, exact.astype(float), rtol=1e-14, atol=1e-15)
    assert np.allclose(L @ forward(L, B), B, atol=1e-13)
    assert np.allclose(forward(exact, _lift(B)).astype(float), forward(L, B), rtol=1e-12)
    assert np.allclose(L.T @ backward(L, B[:, 0]), B[:, 0], atol=1e-13)
    assert np.allclose(backward(exact, _lift(B[:, 0])).astype(float), backward(L, B[:, 0]))
    for wrong in (-A, _lift(-A)):
        with pytest.raises(np.linalg.LinAlgError):
            cholesky(wrong)


def test_components_without_theta_are_read_from_standard_deviations_and_correlations() -> None:
    design, answer = at_the_optimum("slopes-reml")
    (by_theta,) = relative_factors(design, answer) or []
    (by_name,) = relative_factors(design, replace(answer, theta=())) or []
    assert by_name @ by_name.T == pytest.approx(by_theta @ by_theta.T, rel=1e-12)
    missing = replace(answer, theta=(), random=answer.random[1:])
    assert relative_factors(design, missing) is None
    assert relative_factors(design, replace(answer, theta=(1.0,))) is None
