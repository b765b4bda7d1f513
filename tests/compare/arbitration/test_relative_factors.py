"""The covariance factors of each term, from theta or from standard deviations and correlations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from port_data import classic

from harness.compare.arbitration.judge import relative_factors
from harness.engines.port.engine import PortEngine
from harness.language import parse_formula
from harness.models.design import Design, build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec


def sleepstudy() -> tuple[Design, Estimates]:
    """Correlated slopes: sd, sd, cor and sigma, in this order."""
    spec, frame = (
        ModelSpec(parse_formula("Reaction ~ Days + (Days | Subject)")),
        classic("sleepstudy"),
    )
    return build_design(spec, frame), PortEngine().fit(spec, frame)


def test_components_without_theta_are_read_from_standard_deviations_and_correlations() -> None:
    design, answer = sleepstudy()
    (by_theta,) = relative_factors(design, answer) or []
    (by_name,) = relative_factors(design, replace(answer, theta=())) or []
    assert by_name @ by_name.T == pytest.approx(by_theta @ by_theta.T, rel=1e-12)
    missing = replace(answer, theta=(), random=answer.random[1:])
    assert relative_factors(design, missing) is None
    assert relative_factors(design, replace(answer, theta=(1.0,))) is None
    uncorrelated = tuple(part for part in answer.random if not part.term.startswith("cor"))
    assert relative_factors(design, replace(answer, theta=(), random=uncorrelated)) is None


def slopes(first: float, second: float, correlation: float) -> np.ndarray | None:
    """The covariance read from two standard deviations, in shares of sigma."""
    design, answer = sleepstudy()
    values = (first, second, correlation, 1.0)
    random = tuple(
        replace(part, estimate=value) for part, value in zip(answer.random, values, strict=True)
    )
    found = relative_factors(design, replace(answer, theta=(), random=random))
    if found is None:
        return None
    (factor,) = found
    covariance: np.ndarray = factor @ factor.T
    return covariance


@pytest.mark.parametrize(
    ("first", "second"), [(2.0, 0.0), (0.0, 2.0), (0.0, 0.0)], ids=["second", "first", "both"]
)
def test_a_component_without_variance_has_no_correlation(first: float, second: float) -> None:
    assert slopes(first, second, math.nan) == pytest.approx(np.diag([first**2, second**2]))


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
def test_a_correlation_of_one_may_be_rounded_and_none_may_be_above(size: float) -> None:
    for above in (0.0, 1e-10, 1e-9):
        found = slopes(size, size, 1.0 + above)
        assert found == pytest.approx(np.full((2, 2), size**2), rel=1e-8)
        assert slopes(size, size, -1.0 - above) is not None
    for above in (1e-7, 0.005, 0.2):
        assert slopes(size, size, 1.0 + above) is None
        assert slopes(size, size, -1.0 - above) is None


def test_theta_of_several_terms_is_dealt_out_in_their_order() -> None:
    frame = classic("sleepstudy")
    sites = pd.Categorical([f"S{int(k) % 3}" for k in frame["Subject"].cat.codes])
    formula = parse_formula("Reaction ~ 1 + (1 | site) + (Days | Subject) + (0 + Days | site)")
    design = build_design(ModelSpec(formula), frame.assign(site=sites))
    answer = replace(sleepstudy()[1], theta=(1.0, 2.0, 3.0, 4.0, 5.0))
    found = relative_factors(design, answer)
    assert found is not None
    assert [term.group for term in design.random] == ["Subject", "site", "site"]
    assert [factor.tolist() for factor in found] == [[[1.0, 0.0], [2.0, 3.0]], [[4.0]], [[5.0]]]
