"""Adjusted p values against the procedures as their papers state them, decision by decision."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

from harness.engines.multiplicity import Method, adjusted_p, deciding_p

METHODS = [method for method in get_args(Method) if method != "none"]
FAMILIES = [
    [0.03],
    [0.0, 1.0, 0.5],
    [0.02, 0.02, 0.02, 0.5, 0.999, 0.0],
    [0.01, 0.04, 0.03, 0.02, 0.05],
    [0.2, 0.9, 0.04, 0.04, 0.001, 0.3, 0.77, 0.0002],
]


def rejected(p: list[Fraction], method: str, alpha: Fraction) -> set[int]:
    """Which hypotheses the procedure rejects at a level: step by step, as the papers have it."""
    m = len(p)
    order = sorted(range(m), key=lambda i: p[i])
    if method == "bonferroni":
        return {i for i in range(m) if p[i] <= alpha / m}
    if method == "holm":  # step down: stop at the first that is not small enough
        found: set[int] = set()
        for step, i in enumerate(order):
            if p[i] > alpha / (m - step):
                break
            found.add(i)
        return found
    harmonic = sum(Fraction(1, k) for k in range(1, m + 1)) if method == "BY" else Fraction(1)
    for k in range(m, 0, -1):  # step up: the largest k whose p is small enough
        if p[order[k - 1]] <= alpha * k / (m * harmonic):
            return set(order[:k])
    return set()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("p", FAMILIES, ids=str)
def test_an_adjusted_p_is_the_level_at_which_its_hypothesis_is_first_rejected(
    p: list[float], method: Method
) -> None:
    exact = [Fraction(value) for value in p]
    slack = Fraction(1, 10**12)
    for i, level in enumerate(adjusted_p(p, method)):
        at = Fraction(float(level))
        if level < 1:
            assert i in rejected(exact, method, at * (1 + slack) + Fraction(1, 10**300))
        if level > 0:
            assert i not in rejected(exact, method, at * (1 - slack))


@pytest.mark.parametrize("method", METHODS)
def test_missing_ones_stay_missing_and_do_not_count(method: Method) -> None:
    found = adjusted_p([0.01, math.nan, 0.02, 0.04], method)
    assert math.isnan(found[1])
    assert found[[0, 2, 3]].tolist() == adjusted_p([0.01, 0.02, 0.04], method).tolist()
    assert math.isnan(deciding_p([0.01, math.nan], method)[1])
    assert np.isnan(adjusted_p([math.nan, math.nan], method)).all()
    assert adjusted_p([], method).shape == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_ties_are_adjusted_alike_and_order_does_not_matter(method: Method) -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        p = np.round(rng.uniform(size=12), 1)
        found, turned = adjusted_p(p, method), rng.permutation(12)
        assert adjusted_p(p[turned], method).tolist() == found[turned].tolist()
        for value in set(p):
            assert len(set(found[p == value])) == 1


@pytest.mark.parametrize("method", METHODS)
def test_the_deciding_p_times_its_factor_is_the_adjusted_p(method: Method) -> None:
    rng = np.random.default_rng(5)
    for m in (1, 2, 9, 40):
        p = rng.uniform(size=m) ** rng.choice([1, 3])
        c = sum(1 / k for k in range(1, m + 1)) if method == "BY" else 1.0
        decided = deciding_p(p, method)
        assert set(decided) <= set(p)
        rank = np.array([np.sum(p <= by) for by in decided])
        factor = {"bonferroni": m + 0 * rank, "holm": m + 1 - rank}.get(method, m * c / rank)
        assert adjusted_p(p, method) == pytest.approx(np.minimum(1, factor * decided), rel=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_a_relative_error_of_the_family_is_carried_over_with_factor_one(method: Method) -> None:
    """What the policy's limit of an adjusted p rests on."""
    rng = np.random.default_rng(6)
    for seed in range(200):
        p = rng.uniform(size=8) ** 2
        if seed % 2:
            p = np.round(p, 2) + 0.01
        p = np.minimum(p, 1)
        off = np.minimum(1, p * np.exp(rng.uniform(-0.2, 0.2, size=8)))
        worst = np.abs(np.log(off / p)).max()
        moved = np.abs(np.log(adjusted_p(off, method) / adjusted_p(p, method)))
        assert moved.max() <= worst * (1 + 1e-12)


def test_holm_is_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    for p in FAMILIES:
        assert adjusted_p(p, "holm").tolist() == multipletests(p, method="holm")[1].tolist()


def test_what_is_no_p_value_or_no_method_is_refused() -> None:
    for bad in (-0.1, 1.1, math.inf):
        with pytest.raises(ValueError, match="not between 0 and 1"):
            adjusted_p([0.5, bad], "BH")
    with pytest.raises(ValueError, match="no adjustment `fdr`"):
        adjusted_p([0.5], "fdr")  # type: ignore[arg-type]


def test_none_gives_the_values_back() -> None:
    p = [0.5, 0.2, math.nan]
    assert adjusted_p(p, "none").tolist()[:2] == deciding_p(p, "none").tolist()[:2] == p[:2]
