"""R evaluated away from its optimum: at the start of the search and at thetas it is asked for."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from r_examples import SLEEP, awkward, classic, sleepstudy, spec

from harness.engines.port.engine import PortEngine
from harness.engines.r.engine import RLiveEngine
from harness.models.design import build_design
from harness.models.record import AtTheta
from harness.models.spec import ModelSpec

MODELS = {
    "slopes": (spec(SLEEP), sleepstudy()),
    "ml": (spec(SLEEP, reml=False), sleepstudy()),
    "crossed": (
        spec("diameter ~ 1 + (1 | plate) + (1 | sample)"), classic("Penicillin", "plate", "sample"),
    ),
    "weights-and-offset": (
        spec("y ~ arm + (1 | id)", weights="x2", offset="count"),
        awkward().assign(x2=lambda d: np.exp(d["x"])),
    ),
    "sum-coded": (spec("y ~ arm * x + (x | id)", contrasts=(("arm", "sum"),)), awkward()),
}  # fmt: skip


def dense(asked: ModelSpec, frame: pd.DataFrame, theta: tuple[float, ...]) -> AtTheta:
    """Generalised least squares with the covariance matrix written out (Laird and Ware 1982)."""
    from harness.models.record import Coefficient

    design = build_design(asked, frame)
    X, y = design.X, design.y if design.offset is None else design.y - design.offset
    n, p = X.shape
    V: npt.NDArray[np.float64] = np.eye(n)
    if design.weights is not None:
        V = np.diag(1.0 / design.weights)
    given = list(theta)
    for term in design.random:
        q = len(term.names)
        L = np.zeros((q, q))
        for column in range(q):
            for row in range(column, q):
                L[row, column] = given.pop(0)
        Z = np.column_stack(term.columns) @ L
        codes = next(g.codes for g in design.groupings if g.label == term.group)
        V = V + (codes[:, None] == codes[None, :]) * (Z @ Z.T)
    root = np.linalg.cholesky(V)
    A, b = np.linalg.solve(root, X), np.linalg.solve(root, y)
    beta, *_ = np.linalg.lstsq(A, b, rcond=None)
    d = n - p if asked.reml else n
    r2 = float(np.sum((b - A @ beta) ** 2))
    sigma2 = r2 / d
    criterion = d * (1 + np.log(2 * np.pi * sigma2)) + 2 * np.log(np.diag(root)).sum()
    if asked.reml:
        criterion += np.linalg.slogdet(A.T @ A)[1]
    errors = np.sqrt(sigma2 * np.diag(np.linalg.inv(A.T @ A)))
    rows = zip(design.names, beta, errors, strict=True)
    coefficients = tuple(Coefficient(t, float(b), float(e)) for t, b, e in rows)
    return AtTheta("asked", theta, float(criterion), float(np.sqrt(sigma2)), coefficients)


def assert_the_same(found: AtTheta, right: AtTheta, limit: float) -> None:
    assert found.criterion == pytest.approx(right.criterion, rel=limit)
    assert found.sigma == pytest.approx(right.sigma, rel=limit)
    assert [c.term for c in found.coefficients] == [c.term for c in right.coefficients]
    for one, other in zip(found.coefficients, right.coefficients, strict=True):
        assert abs(one.estimate - other.estimate) <= limit * 1e2 * other.std_error
        assert one.std_error == pytest.approx(other.std_error, rel=limit)


@pytest.mark.parametrize("name", MODELS)
def test_r_and_the_port_are_dense_algebra_wherever_they_are_asked(
    name: str, lme4: RLiveEngine
) -> None:
    asked, frame = MODELS[name]
    port = PortEngine()
    own = port.fit(asked, frame).theta
    further = tuple(0.5 * value + 0.25 for value in own)
    said = lme4.fit(asked, frame, [own, further]).elsewhere
    assert said is not None
    assert [place.place for place in said] == ["start", "asked", "asked"]
    assert said[1].theta == own
    assert said[2].theta == further
    ours = port.evaluated_at(asked, frame, [place.theta for place in said])
    for r, python in zip(said, ours, strict=True):
        right = dense(asked, frame, r.theta)
        assert_the_same(r, right, 1e-11)
        assert_the_same(python, right, 1e-11)


def test_lme4_starts_at_the_identity(lme4: RLiveEngine) -> None:
    said = lme4.fit(*MODELS["slopes"]).elsewhere
    assert said is not None
    assert [place.theta for place in said] == [(1.0, 0.0, 1.0)]


@pytest.mark.parametrize(
    "theta",
    [(1.0,), (1.0, 0.0, -1.0), (1.0, 0.0, 1.0, 0.0), (math.nan, 0.0, 1.0), (math.inf, 0.0, 1.0)],
    ids=["short", "negative", "long", "nan", "infinite"],
)
def test_a_theta_that_is_none_of_the_model_is_passed_over(
    theta: tuple[float, ...], lme4: RLiveEngine
) -> None:
    said = lme4.fit(*MODELS["slopes"], [theta]).elsewhere
    assert said is not None
    assert [place.place for place in said] == ["start"]


def test_a_linear_model_has_no_theta(lme4: RLiveEngine) -> None:
    answer = lme4.fit(spec("Reaction ~ Days"), sleepstudy(), [(1.0,)])
    assert answer.elsewhere is None
    assert answer.reported is None
