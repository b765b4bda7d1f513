from __future__ import annotations

import math

import pytest
from estimates_by_hand import estimates

from harness.compare.components import blocks, components_from_theta, follows_theta
from harness.models.record import RandomEffect


def of(*terms: str, theta: tuple[float, ...], groups: dict[str, int], sigma: float = 2.0):
    random = (*(RandomEffect(t, 1.0) for t in terms), RandomEffect("sigma", sigma))
    return estimates(random=random, theta=theta, groups=groups)


def test_sleepstudy_as_lme4_prints_it() -> None:
    # VarCorr(lmer(Reaction ~ Days + (Days | Subject), sleepstudy)) of ?lmer's example
    answer = of(
        "sd(Subject:(Intercept))",
        "sd(Subject:Days)",
        "cor(Subject:(Intercept),Days)",
        theta=(0.96674177, 0.01516906, 0.23090995),
        groups={"Subject": 18},
        sigma=25.591796,
    )
    found = components_from_theta(answer)
    assert found is not None
    assert found["sd(Subject:(Intercept))"] == pytest.approx(24.7407, rel=1e-5)
    assert found["sd(Subject:Days)"] == pytest.approx(5.92214, rel=1e-5)
    assert found["cor(Subject:(Intercept),Days)"] == pytest.approx(0.0656, abs=1e-4)


def test_uncorrelated_terms_are_blocks_of_their_own() -> None:
    answer = of("sd(g:(Intercept))", "sd(g:x)", theta=(0.5, 0.25), groups={"g": 9})
    assert blocks(answer) == [("g", ("(Intercept)",)), ("g", ("x",))]
    assert components_from_theta(answer) == {"sd(g:(Intercept))": 1.0, "sd(g:x)": 0.5}


def test_factors_and_effects_with_colons() -> None:
    answer = of(
        "sd(cask:batch:(Intercept))",
        "sd(batch:a:b)",
        theta=(0.5, 0.25),
        groups={"cask:batch": 30, "batch": 10},
    )
    assert blocks(answer) == [("cask:batch", ("(Intercept)",)), ("batch", ("a:b",))]


def test_theta_of_another_length_implies_nothing() -> None:
    for theta in ((0.5,), (0.5, 0.25, 0.1), ()):
        answer = of("sd(g:(Intercept))", "sd(g:x)", theta=theta, groups={"g": 9})
        assert components_from_theta(answer) is None
        assert not follows_theta(answer, 1e-8)


def test_an_answer_by_hand_follows_its_theta() -> None:
    assert follows_theta(estimates(), 1e-12)
    assert not follows_theta(estimates(theta=(1.6, -0.25, 0.75001)), 1e-8)
    assert not follows_theta(estimates(theta=(math.nan, -0.25, 0.75)), 1e-8)
