"""The sums at one theta: three ways to small matrices, two ways to sum, one answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.engines.port import weighed as module
from harness.engines.port.criterion import evaluate, problem
from harness.engines.port.crossproducts import CrossProducts, cross_products
from harness.engines.port.weighed import matrices, weighed
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec

EFFECTS = {2: "(t | id)", 3: "(t + x | id)", "2 apart": "(t + x || id)"}


def sums(effects: str, patients: int = 40) -> CrossProducts:
    """A trial whose patients all have visit times of their own."""
    rng = np.random.default_rng(11)
    n = 6 * patients
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(patients), 6),
            "t": rng.uniform(0.0, 4.0, size=n),
            "x": rng.normal(size=n),
        }
    )
    frame["y"] = frame["t"] + rng.normal(size=n) + np.repeat(rng.normal(size=patients), 6)
    return cross_products(build_design(ModelSpec(parse_formula(f"y ~ t + {effects}")), frame))


@pytest.mark.parametrize("q", [1, 2, 3])
@pytest.mark.parametrize("m", [1, 4, 5, 40])
def test_small_matrices_are_their_definitions(q: int, m: int) -> None:
    rng = np.random.default_rng(q + m)
    R = np.triu(rng.normal(size=(m, q, q)))
    Lambda = np.tril(rng.normal(size=(q, q)))
    J, K, N, logdet = matrices(R, Lambda)
    dense = np.eye(q) + R @ Lambda @ Lambda.T @ R.transpose(0, 2, 1)
    np.testing.assert_allclose(J @ dense, np.broadcast_to(np.eye(q), J.shape), atol=1e-12)
    np.testing.assert_allclose(K, np.linalg.solve(dense, R), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        N, R.transpose(0, 2, 1) @ np.linalg.solve(dense, R), rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(logdet, np.log(np.linalg.det(dense)), rtol=1e-12)


@pytest.mark.parametrize("effects", EFFECTS.values(), ids=map(str, EFFECTS))
@pytest.mark.parametrize("block", [7, 2048])
def test_own_designs_sum_as_patterns_of_one_group(
    effects: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    data = sums(effects)
    assert data.pooled is None
    pooled = replace(data, pooled=data.B)
    rng = np.random.default_rng(1)
    Lambda = data.structure.Lambda(rng.normal(size=data.structure.t))
    Y = rng.normal(size=data.within.shape)
    Y = Y @ Y.T
    one, other = weighed(data, Lambda), weighed(pooled, Lambda)
    np.testing.assert_allclose(one.omega, other.omega, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(one.E, other.E, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(one.logdet, other.logdet, rtol=1e-13)
    for here, there in zip(one.pull(Y), other.pull(Y), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("effects", EFFECTS.values(), ids=map(str, EFFECTS))
def test_derivatives_are_those_of_the_criterion(effects: str) -> None:
    at = problem(sums(effects), reml=True)
    theta = np.random.default_rng(2).normal(1.0, 0.3, size=at.data.structure.t)
    found = evaluate(at, theta)
    h = 1e-5
    for i, step in enumerate(h * np.eye(len(theta))):
        up, down = evaluate(at, theta + step), evaluate(at, theta - step)
        slope = (up.value - down.value) / (2.0 * h)
        np.testing.assert_allclose(found.gradient[i], slope, rtol=1e-6, atol=1e-6)
        bend = (up.gradient - down.gradient) / (2.0 * h)
        np.testing.assert_allclose(found.hessian[i], bend, rtol=1e-6, atol=1e-5)
