"""The criterion and its derivatives, against the normal density written out densely."""

from __future__ import annotations

import numpy as np
import pytest
from port_data import dense_criterion, dense_z, longitudinal, two_wave

from harness.engines.port.criterion import evaluate, inverse_factor, problem, values
from harness.engines.port.crossproducts import cross_products, refined
from harness.engines.port.engine import PortEngine
from harness.engines.port.solution import standardise
from harness.engines.port.structure import canonical, structure_of
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec

CASES = {
    "intercept": ("y ~ arm * t + (1 | g)", [0.7]),
    "intercept-at-zero": ("y ~ arm * t + (1 | g)", [0.0]),
    "slopes": ("y ~ arm * t + (t | g)", [0.9, -0.2, 0.4]),
    "slopes-rank-one": ("y ~ arm * t + (t | g)", [0.9, -0.2, 0.0]),
    "slopes-at-zero": ("y ~ arm * t + (t | g)", [0.0, 0.0, 0.0]),
    "slopes-huge": ("y ~ arm * t + (t | g)", [90.0, 30.0, 50.0]),
    "uncorrelated": ("y ~ arm * t + (t || g)", [0.8, 0.3]),
    "slope-only": ("y ~ t + (0 + t | g)", [0.3]),
    "three-effects": ("y ~ arm + t + (t + I(t^2) | g)", [0.8, 0.1, -0.05, 0.3, 0.02, 0.1]),
    "three-uncorrelated": ("y ~ t + (t | g) + (0 + I(t^2) | g)", [0.8, 0.1, 0.3, 0.05]),
    "factor-effects": ("y ~ t + (0 + arm | g)", [0.8, 0.1, 0.4]),
    "mean-only": ("y ~ 1 + (1 | g)", [0.5]),
    "no-fixed-effects": ("y ~ 0 + (1 | g)", [0.5]),
}
FRAMES = {
    "patterns": longitudinal(1),
    "own-times": longitudinal(2, groups=25, grid=False),
    "many-visits": longitudinal(5, groups=7, visits=30, missing=0.0),
}


def spec_of(formula: str, reml: bool) -> ModelSpec:
    return ModelSpec(parse_formula(formula), reml=reml)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("data", FRAMES)
@pytest.mark.parametrize("case", CASES)
def test_criterion_is_the_marginal_likelihood(case: str, data: str, reml: bool) -> None:
    formula, theta = CASES[case]
    frame, spec = FRAMES[data], spec_of(formula, reml)
    design = build_design(spec, frame)
    Z = dense_z([list(term.columns) for term in design.random], design.groupings[0].codes)
    Lambda = structure_of(tuple(len(term.names) for term in design.random)).Lambda(np.array(theta))
    expected = dense_criterion(design.y, design.X, Z, Lambda, reml)
    got = PortEngine().criterion_at(spec, frame, theta)
    limit = 1e-7 if case == "slopes-huge" else 1e-9  # V's condition is 1e5 there: the dense side's
    assert got == pytest.approx(expected, abs=limit)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("data", FRAMES)
@pytest.mark.parametrize("case", CASES)
def test_derivatives_are_those_of_the_criterion(case: str, data: str, reml: bool) -> None:
    formula, start = CASES[case]
    design = build_design(spec_of(formula, reml), FRAMES[data])
    at = problem(cross_products(design), reml)
    theta = standardise(at, np.array(start)) + 0.01
    found = evaluate(at, theta)
    h = 1e-5 * (1.0 + np.abs(theta).max())
    steps = [(evaluate(at, theta + h * e), evaluate(at, theta - h * e)) for e in np.eye(len(theta))]
    gradient = [(up.value - down.value) / (2 * h) for up, down in steps]
    hessian = np.array([(up.gradient - down.gradient) / (2 * h) for up, down in steps])
    scale = 1.0 + np.abs(found.hessian).max()
    np.testing.assert_allclose(found.gradient, gradient, atol=2e-6 * scale, rtol=1e-6)
    np.testing.assert_allclose(found.hessian, hessian, atol=1e-6 * scale, rtol=1e-6)
    np.testing.assert_array_equal(np.round(found.hessian - found.hessian.T, 6), 0.0)


@pytest.mark.parametrize("case", ["intercept", "slopes", "three-effects", "no-fixed-effects"])
def test_many_at_once_agree_with_one_at_a_time(case: str) -> None:
    formula, theta = CASES[case]
    at = problem(cross_products(build_design(spec_of(formula, True), FRAMES["patterns"])), True)
    thetas = [np.array(theta) * scale for scale in (0.0, 0.3, 1.0, 4.0)]
    factors = np.stack([at.data.structure.Lambda(t) for t in thetas])
    single = [evaluate(at, t).value for t in thetas]
    np.testing.assert_allclose(values(at, factors), single, atol=1e-9, rtol=0)


def test_patients_with_the_same_visits_are_one_pattern() -> None:
    trial = build_design(spec_of("y ~ arm * time + (1 | id)", True), two_wave())
    assert cross_products(trial).count.tolist() == [70.0]
    frame = longitudinal(1, groups=60, visits=3)
    data = cross_products(build_design(spec_of("y ~ t + (t | g)", True), frame))
    visits = frame.groupby("g", observed=True)["t"].apply(lambda t: tuple(sorted(t)))
    assert sorted(data.count) == sorted(visits.value_counts())
    assert len(data.c) == 60


def test_collapsing_loses_nothing() -> None:
    """The same rows with every time shifted by a hair are all different patterns."""
    frame = longitudinal(1)
    shifted = frame.assign(t=frame["t"] * (1 + 1e-12 * frame["g"].cat.codes))
    spec = spec_of("y ~ arm * t + (t | g)", True)
    together, apart = (cross_products(build_design(spec, d)) for d in (frame, shifted))
    assert len(together.count) < 30
    assert len(apart.count) > len(together.count)
    theta = np.array([0.5, 0.1, 0.3])
    a, b = (evaluate(problem(data, True), theta) for data in (together, apart))
    assert a.value == pytest.approx(b.value, abs=1e-9)
    np.testing.assert_allclose(a.hessian, b.hessian, rtol=1e-9, atol=1e-9)


def test_sums_by_columns_and_by_rows_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large data take the paths that this test forces on small ones."""
    spec = spec_of("y ~ arm * t + (t | g)", True)
    theta = np.array([0.5, 0.1, 0.3])
    for frame in (FRAMES["patterns"], FRAMES["patterns"].sort_values("g", ignore_index=True)):
        small = evaluate(problem(cross_products(build_design(spec, frame)), True), theta)
        with monkeypatch.context() as large:
            large.setattr("harness.engines.port.groups.COLUMNWISE", 0)
            large.setattr("harness.models.orthogonal.SMALL", 0)
            design = build_design(spec, frame)
            assert design.factor.Q is None
            data = cross_products(design)
            sums = evaluate(problem(data, True), theta)
            better = refined(data, design, inverse_factor(sums))
            careful = evaluate(problem(better, True), theta)
        for other in (sums, careful):
            assert other.value == pytest.approx(small.value, abs=1e-9)
            np.testing.assert_allclose(other.gradient, small.gradient, rtol=1e-8, atol=1e-8)


def test_nothing_cancels_when_groups_explain_nearly_all() -> None:
    """Patients 1e5 residual SDs apart: the plain difference of cross products has no digit left."""
    frame = longitudinal(4, sd=(1.0, 0.0))
    far = frame.assign(y=frame["y"] + 1e6 * frame["g"].cat.codes)
    spec = spec_of("y ~ arm * t + (1 | g)", True)
    engine = PortEngine()
    theta = engine.fit(spec, far).theta
    assert theta[0] > 1e5
    # The within-group contrasts do not see the patients' levels: t's row is that of fixed ids.
    within = engine.fit(spec, far).fixed[2]
    fixed = engine.fit(spec_of("y ~ arm * t + g", True), frame).fixed
    same = next(row for row in fixed if row.term == "t")
    assert within.estimate == pytest.approx(same.estimate, rel=1e-6)
    assert within.std_error == pytest.approx(same.std_error, rel=1e-6)


def test_canonical_factor_keeps_the_covariance() -> None:
    structure = structure_of((3, 1))
    rng = np.random.default_rng(7)
    factor = np.zeros((4, 4))
    factor[:3, :3] = rng.normal(size=(3, 3))
    factor[3, 3] = -2.0
    factor[0] = 0.0  # a variance of exactly zero first
    Lambda = canonical(structure, factor)
    np.testing.assert_allclose(Lambda @ Lambda.T, factor @ factor.T, atol=1e-14)
    assert (np.diag(Lambda) >= 0).all()
    assert (Lambda[:, 0] == 0).all()
    assert (np.triu(Lambda, 1) == 0).all()


def test_theta_of_the_wrong_length_is_refused() -> None:
    from harness.errors import ModelError

    spec = spec_of("y ~ t + (t | g)", True)
    with pytest.raises(ModelError, match=r"theta has 1 entries.*has 3"):
        PortEngine().criterion_at(spec, FRAMES["patterns"], [1.0])
