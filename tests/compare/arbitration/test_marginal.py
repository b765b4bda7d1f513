"""The third evaluator against closed forms, against itself in 30 digits, and against the port."""

from __future__ import annotations

import math
from dataclasses import replace

import mpmath
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
    work,
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


def written_out(design: Design, Lambda: list[np.ndarray], sigma: float) -> dict[str, list[float]]:
    """The same from the n by n matrix V and its inverse, in 60 digits; correctly rounded."""
    with mpmath.workdps(60):
        n, p = design.X.shape
        offset = np.zeros(n) if design.offset is None else design.offset
        weights = np.ones(n) if design.weights is None else design.weights
        pairs = zip(design.y, offset, strict=True)
        y = mpmath.matrix([mpmath.mpf(a) - mpmath.mpf(b) for a, b in pairs])
        X = mpmath.matrix(design.X.tolist())
        V = mpmath.diag([1 / mpmath.mpf(w) for w in weights])
        codes = {g.label: g.codes for g in design.groupings}
        for term, factor in zip(design.random, Lambda, strict=True):
            S = mpmath.matrix(factor.tolist()) * mpmath.matrix(factor.tolist()).T
            Z, of = np.column_stack(term.columns), codes[term.group]
            for i in range(n):
                for j in range(n):
                    if of[i] == of[j]:
                        z, w = mpmath.matrix(Z[i].tolist()), mpmath.matrix(Z[j].tolist())
                        V[i, j] += (z.T * S * w)[0]
        inverse = V**-1
        C = (X.T * inverse * X) ** -1
        beta = C * (X.T * inverse * y)
        left = y - X * beta
        square = (left.T * inverse * left)[0]
        d = n - p if design.spec.reml else n
        rest = mpmath.log(mpmath.det(V)) - (mpmath.log(mpmath.det(C)) if design.spec.reml else 0)
        at, best = mpmath.mpf(sigma) ** 2, square / d
        return {
            "criterion": [float(rest + d * mpmath.log(2 * mpmath.pi * at) + square / at)],
            "profiled": [float(rest + d * (1 + mpmath.log(2 * mpmath.pi * best)))],
            "beta": [float(b) for b in beta],
            "std_error": [float(sigma * mpmath.sqrt(C[k, k])) for k in range(p)],
            "sigma": [float(mpmath.sqrt(best))],
        }


@pytest.mark.truth
@pytest.mark.parametrize("reml", [True, False])
def test_thirty_digits_are_right_to_the_last_bit_where_doubles_are_not(reml: bool) -> None:
    """A date beside the intercept: eight of sixteen digits are lost in cross-products."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "y": rng.normal(50.0, 8.0, 24),
            "day": 1.7e5 + np.tile([0.0, 7.0, 15.0, 28.0], 6),
            "id": pd.Categorical(np.repeat(list("abcdef"), 4)),
            "site": pd.Categorical(np.repeat(list("pqp"), 8)),
            "w": rng.uniform(0.5, 3.0, 24),
            "o": rng.normal(size=24),
        }
    )
    formula = parse_formula("y ~ day + (1 | site) + (1 | id)")
    design = build_design(ModelSpec(formula, reml=reml, weights="w", offset="o"), frame)
    factors = [np.array([[0.7]]), np.array([[1.3]])]
    truth = written_out(design, factors, 6.5)
    found = marginal(design, factors, 6.5, 30)
    assert found.digits == 30
    for name in ("criterion", "profiled", "sigma"):
        assert [getattr(found, name)] == truth[name]
    assert list(found.beta) == truth["beta"]
    assert found.std_error == pytest.approx(truth["std_error"], rel=4e-16)
    doubles = marginal(design, factors, 6.5)
    assert doubles.digits == 0
    assert doubles.beta == pytest.approx(truth["beta"], rel=1e-4)
    assert doubles.beta != pytest.approx(truth["beta"], rel=1e-10)


def test_rows_that_hang_together_are_told_apart_in_order() -> None:
    ids = [k % 7 for k in range(140)]
    frame = pd.DataFrame(
        {
            "y": np.arange(140.0) ** 0.5,
            "id": pd.Categorical([f"P{k}" for k in ids]),
            "site": pd.Categorical([f"S{k % 7 // 2}" for k in range(140)]),
        }
    )
    one = build_design(ModelSpec(parse_formula("y ~ 1 + (1 | id)")), frame)
    found = [rows.tolist() for rows in independent_rows(one)]
    assert sorted(found) == [list(range(k, 140, 7)) for k in range(7)]
    both = build_design(ModelSpec(parse_formula("y ~ 1 + (1 | id) + (1 | site)")), frame)
    found = [rows.tolist() for rows in independent_rows(both)]
    assert sorted(found) == [
        [k for k in range(140) if k % 7 in of] for of in ((0, 1), (2, 3), (4, 5), (6,))
    ]


def test_work_is_the_cube_of_what_hangs_together() -> None:
    design, _ = at_the_optimum("slopes-reml")
    assert work(design) == 18 * 10**2 * (10 + 3)


def test_a_factor_is_needed_for_every_term() -> None:
    design, _ = at_the_optimum("nested")
    one = [np.array([[1.0]])]
    for factors in (one, 3 * one):
        with pytest.raises(ValueError, match="zip"):
            marginal(design, factors, 1.0)


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
    for factor in (L, exact):
        assert (np.triu(factor, 1) == 0).all()
    given = _lift(B)
    forward(exact, given)
    backward(exact, given[:, 0])
    assert (given == _lift(B)).all(), "neither writes into what it is given"
    for wrong in (-A, _lift(-A)):
        with pytest.raises(np.linalg.LinAlgError, match="ot positive definite"):
            cholesky(wrong)
    with pytest.raises(np.linalg.LinAlgError, match=r"^not positive definite$"):
        cholesky(_lift(np.zeros((1, 1))))
