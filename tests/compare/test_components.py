from __future__ import annotations

import math
from dataclasses import replace

import pytest
from estimates_by_hand import estimates

from harness.compare.components import (
    blocks,
    components_from_theta,
    follows_theta,
    split_term,
)
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


def test_the_order_of_the_list_does_not_matter() -> None:
    answer = estimates()
    last_first = estimates(random=answer.random[::-1][:1] + answer.random[:3])
    assert last_first.random[0].term == "sigma"
    assert blocks(last_first) == blocks(answer)
    assert components_from_theta(last_first) == components_from_theta(answer)
    assert follows_theta(last_first, 1e-12)
    wrong = estimates(random=(last_first.random[0], RandomEffect(answer.random[0].term, 1.0)))
    assert not follows_theta(replace(wrong, theta=(1.6,)), 1e-8)


def test_a_block_takes_no_more_of_theta_than_its_own() -> None:
    answer = of(
        "sd(g:(Intercept))",
        "sd(g:x)",
        "cor(g:(Intercept),x)",
        "sd(h:(Intercept))",
        theta=(0.5, 0.3, 0.4, 0.25),
        groups={"g": 9, "h": 4},
    )
    assert components_from_theta(answer) == {
        "sd(g:(Intercept))": 1.0,
        "sd(g:x)": pytest.approx(1.0),
        "cor(g:(Intercept),x)": pytest.approx(0.6),
        "sd(h:(Intercept))": 0.5,
    }


def test_without_sigma_nothing_follows() -> None:
    answer = replace(of("sd(g:x)", theta=(0.5,), groups={"g": 9}), random=())
    listed = replace(answer, random=(RandomEffect("sd(g:x)", 1.0),))
    implied = components_from_theta(listed)
    assert implied is not None
    assert math.isnan(implied["sd(g:x)"])
    assert not follows_theta(listed, 1e9)


def test_a_component_that_theta_does_not_imply_does_not_follow() -> None:
    two_blocks = ("sd(g:(Intercept))", "sd(g:x)", "cor(g:x,(Intercept))")
    answer = of(*two_blocks, theta=(0.5, 0.25), groups={"g": 9})
    assert not follows_theta(answer, 1e9)


def test_how_closely_a_component_must_follow() -> None:
    exact = of("sd(g:x)", theta=(0.5,), groups={"g": 9})  # 1.0, as listed
    assert follows_theta(exact, 0.0)
    for listed, implied, precision, follows in (
        (100.0, 100.5, 1e-2, True),
        (100.0, 101.5, 1e-2, False),
        (1e-4, 1e-4 + 9e-6, 1e-2, True),  # below 1e-3 of the outcome's unit, absolutely
        (1e-4, 1e-4 + 2e-5, 1e-2, False),
    ):
        random = (RandomEffect("sd(g:x)", listed), RandomEffect("sigma", 1.0))
        answer = estimates(random=random, theta=(implied,), groups={"g": 9})
        assert follows_theta(answer, precision) is follows


@pytest.mark.parametrize("groups", [{"a": 3, "a:b": 4}, {"a:b": 4, "a": 3}], ids=str)
def test_the_longest_known_factor_is_the_group(groups: dict[str, int]) -> None:
    assert split_term("sd(a:b:x)", estimates(groups=groups)) == ("a:b", "x")


def test_an_unknown_factor_ends_at_the_first_colon() -> None:
    assert split_term("sd(g:a:b)", estimates(groups={})) == ("g", "a:b")
