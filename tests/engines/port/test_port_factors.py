"""Several grouping factors: criterion, derivatives and modes against the normal density itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from port_data import classic, trial_by_site

import harness
from harness.engines.port import blocked, crossing, curvature, factors
from harness.engines.port.blocked import blocked_problem
from harness.engines.port.engine import PortEngine
from harness.engines.port.factors import factor_sums
from harness.engines.port.solution import standardise
from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.design import Design, build_design
from harness.models.spec import ModelSpec

Matrix = npt.NDArray[np.float64]

CASES = {
    "crossed": ("y ~ arm * t + (1 | id) + (1 | rater)", [0.9, 0.4]),
    "crossed-one-at-zero": ("y ~ arm * t + (1 | id) + (1 | rater)", [0.9, 0.0]),
    "crossed-all-at-zero": ("y ~ arm * t + (1 | id) + (1 | rater)", [0.0, 0.0]),
    "nested": ("y ~ t + (1 | site/id)", [0.9, 0.6]),
    "nested-slopes": ("y ~ arm * t + (t | id) + (1 | site)", [0.9, -0.2, 0.3, 0.6]),
    "slopes-in-both": ("y ~ t + (t | id) + (t | site)", [0.9, -0.2, 0.3, 0.6, 0.1, 0.2]),
    "slopes-rank-one": ("y ~ t + (t | id) + (t | site)", [0.9, -0.2, 0.0, 0.6, 0.1, 0.0]),
    "slopes-in-the-small": ("y ~ t + (1 | id) + (t | site)", [0.9, 0.6, 0.1, 0.2]),
    "two-terms-a-factor": ("y ~ t + (1 | id) + (t || site)", [0.9, 0.6, 0.2]),
    "three-factors": ("y ~ arm + t + (1 | id) + (1 | rater) + (1 | site)", [0.9, 0.4, 0.6]),
    "interaction": ("y ~ t + (1 | rater:site) + (1 | rater)", [0.5, 0.7]),
    "factor-effects": ("y ~ t + (1 | id) + (0 + arm | rater)", [0.9, 0.4, 0.1, 0.6]),
    "huge": ("y ~ t + (t | id) + (1 | site)", [60.0, 10.0, 40.0, 50.0]),
    "no-fixed-effects": ("y ~ 0 + (1 | id) + (1 | rater)", [0.9, 0.4]),
}
FRAME = trial_by_site(1)
HELD = {"dense": (10**6, 10**6), "pairs": (-1, 10**6), "sparse": (-1, 0)}
"""How the crossing of the factors is held: limits SMALL and PAIRS that force each way."""


@pytest.fixture(params=HELD)
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    small, pairs = HELD[request.param]
    monkeypatch.setattr(crossing, "SMALL", small)
    monkeypatch.setattr(crossing, "DENSE", 0)
    monkeypatch.setattr(crossing, "PAIRS", pairs)
    return str(request.param)


def design_of(formula: str, reml: bool = True, frame: pd.DataFrame = FRAME) -> Design:
    return build_design(ModelSpec(parse_formula(formula), reml=reml), frame)


def dense_terms(design: Design, theta: list[float]) -> tuple[Matrix, Matrix]:
    """Z (n, k) and its effects' relative covariance (k, k), straight from lme4's definition."""
    codes = {grouping.label: grouping.codes for grouping in design.groupings}
    Zs, Ss = [], []
    rest = list(theta)
    for term in design.random:
        q = len(term.names)
        Lambda = np.zeros((q, q))
        for j in range(q):
            for i in range(j, q):
                Lambda[i, j] = rest.pop(0)
        of_row = codes[term.group]
        G = int(of_row.max()) + 1
        Z = np.zeros((len(of_row), G * q))
        for j, column in enumerate(term.columns):
            Z[np.arange(len(of_row)), of_row * q + j] = column
        Zs.append(Z)
        Ss.append(np.kron(np.eye(G), Lambda @ Lambda.T))
    assert not rest
    size = sum(len(S) for S in Ss)
    S, start = np.zeros((size, size)), 0
    for part in Ss:
        S[start : start + len(part), start : start + len(part)] = part
        start += len(part)
    return np.hstack(Zs), S


def dense_value(design: Design, theta: list[float], reml: bool) -> float:
    """Minus twice the log (restricted) likelihood, sigma at its best value."""
    Z, S = dense_terms(design, theta)
    y, X = design.y, design.X
    n, p = X.shape
    V = np.eye(n) + Z @ S @ Z.T
    Vi = np.linalg.inv(V)
    information = X.T @ Vi @ X
    r = y - X @ np.linalg.solve(information, X.T @ Vi @ y)
    d = n - p if reml else n
    value = d * (1 + np.log(2 * np.pi * (r @ Vi @ r) / d)) + np.linalg.slogdet(V)[1]
    return float(value + (np.linalg.slogdet(information)[1] if reml else 0.0))


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("case", CASES)
def test_criterion_is_the_marginal_likelihood(case: str, reml: bool, held: str) -> None:
    formula, theta = CASES[case]
    spec = ModelSpec(parse_formula(formula), reml=reml)
    got = PortEngine().criterion_at(spec, FRAME, theta)
    limit = 1e-7 if case == "huge" else 1e-9  # V's condition is 1e5 there: the dense side's
    assert got == pytest.approx(dense_value(design_of(formula, reml), theta, reml), abs=limit)


@pytest.mark.parametrize("reml", [True, False], ids=["reml", "ml"])
@pytest.mark.parametrize("case", CASES)
def test_derivatives_are_those_of_the_criterion(case: str, reml: bool, held: str) -> None:
    formula, start = CASES[case]
    at = blocked_problem(factor_sums(design_of(formula, reml)), reml)
    theta = standardise(at, np.array(start)) + 0.01
    found = at.evaluate(theta)
    h = 1e-5 * (1.0 + np.abs(theta).max())
    steps = [(at.evaluate(theta + h * e), at.evaluate(theta - h * e)) for e in np.eye(len(theta))]
    gradient = [(up.value - down.value) / (2 * h) for up, down in steps]
    hessian = np.array([(up.gradient - down.gradient) / (2 * h) for up, down in steps])
    scale = 1.0 + np.abs(found.hessian).max()
    np.testing.assert_allclose(found.gradient, gradient, atol=2e-6 * scale, rtol=1e-6)
    np.testing.assert_allclose(found.hessian, hessian, atol=1e-6 * scale, rtol=1e-6)


def test_derivative_in_the_covariance_at_zero_is_the_one_sided_slope() -> None:
    """At an exact zero theta says nothing; the condition of a minimum rests on this slope."""
    at = blocked_problem(factor_sums(design_of("y ~ t + (1 | id) + (1 | rater)")), True)
    for k in range(2):
        base = np.array([0.8, 0.5])
        base[k] = 0.0
        found, S = at.evaluate(base), 1e-6
        up = base.copy()
        up[k] = np.sqrt(S)
        slope = (at.evaluate(up).value - found.value) / S
        assert found.S_gradient[k, k] == pytest.approx(slope, rel=1e-3)
        assert found.gradient[k] == 0.0


@pytest.mark.parametrize("case", ["crossed", "nested-slopes", "slopes-in-both", "three-factors"])
def test_estimated_traces_are_exact_with_all_unit_vectors(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula, theta = CASES[case]
    at = blocked_problem(factor_sums(design_of(formula)), True)
    inner = standardise(at, np.array(theta))
    exact = at.evaluate(inner)
    monkeypatch.setattr(blocked, "EXACT", 0)
    estimated = at.evaluate(inner)
    assert not np.allclose(estimated.hessian, exact.hessian, rtol=1e-6)
    np.testing.assert_allclose(estimated.hessian, exact.hessian, rtol=0.5, atol=60.0)
    np.testing.assert_array_equal(at.evaluate(inner).hessian, estimated.hessian)
    np.testing.assert_allclose(at.exact(estimated).hessian, exact.hessian, rtol=1e-12)
    monkeypatch.setattr(curvature, "PROBES", 1000)
    np.testing.assert_allclose(at.evaluate(inner).hessian, exact.hessian, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_search_ends_alike_with_an_estimated_hessian(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = "y ~ arm * t + (t | id) + (1 | site) + (1 | rater)"
    frame = trial_by_site(seed, patients=60)
    exact = harness.lmer(formula, frame)
    monkeypatch.setattr(blocked, "EXACT", 0)
    estimated = harness.lmer(formula, frame)
    assert estimated.optimum.gradient_norm <= 1e-9
    assert estimated.converged
    assert estimated.criterion == pytest.approx(exact.criterion, abs=1e-10)
    np.testing.assert_allclose(estimated.df(), exact.df(), rtol=1e-5)


@pytest.mark.parametrize("case", ["crossed", "nested-slopes", "slopes-in-the-small", "interaction"])
def test_another_order_of_the_effects_is_the_same_criterion(case: str, held: str) -> None:
    formula, theta = CASES[case]
    at = blocked_problem(factor_sums(design_of(formula)), True)
    structure = at.data.structure
    order = np.concatenate([np.arange(s.start, s.stop)[::-1] for s in structure.spans()])
    S = structure.Lambda(np.array(theta)) @ structure.Lambda(np.array(theta)).T
    turned = structure.theta(np.linalg.cholesky(S[order][:, order]))
    value = at.permuted(order).evaluate(turned).value
    assert value == pytest.approx(at.evaluate(np.array(theta)).value, abs=1e-9)


@pytest.mark.parametrize("case", ["crossed", "nested-slopes", "slopes-in-both", "interaction"])
def test_modes_and_fitted_values_are_the_conditional_means(case: str) -> None:
    formula = CASES[case][0]
    fit = harness.lmer(formula, FRAME)
    design = fit.design
    Z, S = dense_terms(design, fit.theta.tolist())
    V = np.eye(len(Z)) + Z @ S @ Z.T
    b = S @ Z.T @ np.linalg.solve(V, design.y - design.X @ fit.beta)
    np.testing.assert_allclose(fit.fitted, design.X @ fit.beta + Z @ b, atol=1e-9)
    start = 0
    for term in design.random:
        modes = fit.ranef(term.group)[list(term.names)].to_numpy()
        np.testing.assert_allclose(modes.ravel(), b[start : start + modes.size], atol=1e-9)
        start += modes.size


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("y ~ t + (1 | site) + (1 | id)", ["id:(Intercept)", "site:(Intercept)"]),
        ("y ~ t + (1 | site/id)", ["id:site:(Intercept)", "site:(Intercept)"]),
        ("y ~ t + (t || id) + (1 | site)", ["id:(Intercept)", "id:t", "site:(Intercept)"]),
        # Sorting turns round terms with equally many levels.
        ("y ~ t + (1 | site) + (t || id)", ["id:t", "id:(Intercept)", "site:(Intercept)"]),
    ],
)
def test_terms_stand_in_the_order_of_lme4(formula: str, terms: list[str]) -> None:
    names = [f"sd({term})" for term in terms]
    assert [row.term for row in harness.lmer(formula, FRAME).varcorr] == [*names, "sigma"]


def test_a_variance_of_zero_is_exactly_zero_and_verified() -> None:
    frame = trial_by_site(8, sd=(1.0, 0.0, 0.0, 0.0))
    fit = harness.lmer("y ~ t + (1 | id) + (1 | rater) + (1 | site)", frame)
    assert fit.singular
    assert (fit.theta == 0.0).any()
    assert fit.converged
    assert fit.optimum.starts > 1
    assert fit.optimum.kkt >= -1e-9 * abs(fit.criterion)
    assert "boundary (singular) fit: a variance is zero or effects are collinear" in fit.messages
    kept = " + ".join(f"(1 | {g})" for g, t in zip(fit.groups, fit.theta, strict=True) if t > 0.0)
    smaller = harness.lmer(f"y ~ t + {kept}", frame)
    assert smaller.criterion == pytest.approx(fit.criterion, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_end_is_a_minimum(seed: int) -> None:
    frame = trial_by_site(seed, sites=4 + seed, patients=20 + 5 * seed)
    fit = harness.lmer("y ~ arm * t + (t | id) + (1 | site) + (1 | rater)", frame)
    assert fit.converged
    assert fit.optimum.gradient_norm <= 1e-9
    rng = np.random.default_rng(seed)
    for _ in range(20):
        moved = fit.theta + rng.normal(size=len(fit.theta)) * 10.0 ** rng.uniform(-4, -0.5)
        moved[[0, 2, 3, 4]] = np.abs(moved[[0, 2, 3, 4]])
        assert dense_value(fit.design, moved.tolist(), True) >= fit.criterion - 1e-8


def test_units_do_not_matter() -> None:
    formula = "y ~ arm * t + (t | id) + (1 | site)"
    fit = harness.lmer(formula, FRAME)
    scaled = FRAME.assign(y=1e9 * FRAME["y"] + 3e11, t=1e-3 * FRAME["t"] + 5.0)
    other = harness.lmer(formula, scaled)
    assert other.sigma == pytest.approx(1e9 * fit.sigma, rel=1e-9)
    np.testing.assert_allclose(other.df()[-1], fit.df()[-1], rtol=1e-6)
    np.testing.assert_allclose(other.beta[-1], 1e12 * fit.beta[-1], rtol=1e-8)


def test_nothing_cancels_when_groups_explain_nearly_all() -> None:
    """Patients and raters 3,000 residual SDs apart: their effects are as good as fixed.

    In exact arithmetic the estimate is still 1.2e-4 of its SE from the fixed-effects one, and the
    SE 2.5e-8. From 1e4 on the digits of the data give out: the SE then hangs on the BLAS at 1e-6.
    """
    frame = trial_by_site(5, patients=12, sd=(1.0, 0.0, 0.0, 1.0))
    rng = np.random.default_rng(1)
    far = frame.assign(
        y=frame["y"]
        + 3e3 * rng.normal(size=12)[frame["id"].cat.codes]
        + 3e3 * rng.normal(size=7)[frame["rater"].cat.codes]
    )
    fit = harness.lmer("y ~ t + (1 | id) + (1 | rater)", far)
    assert fit.converged
    fixed = harness.lm("y ~ t + id + rater", frame).summary()
    row = fit.summary()
    gap = abs(row["estimate"][1] - fixed["estimate"][1])
    assert gap == pytest.approx(1.24e-4 * fixed["std_error"][1], rel=1e-3)
    assert row["std_error"][1] == pytest.approx(fixed["std_error"][1], rel=1e-7)


def test_balanced_data_start_at_the_end() -> None:
    fit = harness.lmer("diameter ~ 1 + (1 | plate) + (1 | sample)", classic("Penicillin"))
    np.testing.assert_allclose(fit.optimum.start, fit.theta, rtol=1e-9)


def test_modes_of_several_factors_are_asked_by_name() -> None:
    fit = harness.lmer("y ~ t + (1 | id) + (1 | site)", FRAME)
    with pytest.raises(ModelError, match=r"name a grouping factor; the model has: id, site"):
        fit.ranef()
    with pytest.raises(ModelError, match=r"no grouping factor `x`; the model has: id, site"):
        fit.ranef("x")
    assert fit.ranef("site").shape == (6, 1)


def test_a_dense_block_too_large_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factors, "MOST_COLUMNS", 5)
    with pytest.raises(ModelError, match=r"^6 random effects besides those of `id`"):
        harness.lmer("y ~ t + (1 | id) + (1 | site)", FRAME)


def test_a_response_that_x_reproduces_is_refused() -> None:
    frame = FRAME.assign(y=2.0 * FRAME["t"] + 1.0)
    with pytest.raises(ModelError, match="exact combination"):
        harness.lmer("y ~ t + (1 | id) + (1 | site)", frame)
