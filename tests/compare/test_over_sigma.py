"""Boundary fits: which standard deviations a row hangs on, and what their shares of sigma are."""

from __future__ import annotations

import math

import pytest
from estimates_by_hand import KEY

from harness.compare import DiffRow, Verdict
from harness.compare.keyed import compare_numbers
from harness.compare.policy import default_policy
from harness.estimates.numbers import ModelNumbers
from harness.estimates.written import Written

SINGULAR = ("", "singular", 0)


def side(**components: float) -> ModelNumbers:
    """A singular fit; ``sigma`` is 1 unless given, other names are full terms."""
    numbers = {SINGULAR: Written(True), ("sigma", "sigma", 0): Written(1.0)}
    for term, value in components.items():
        numbers[term, term.partition("(")[0], 0] = Written(value)
    return ModelNumbers(KEY, "", numbers, "satterthwaite")


def row(python: ModelNumbers, r: ModelNumbers, term: str) -> DiffRow:
    spoken = frozenset({"sd", "cor"})
    rows = compare_numbers(KEY, python, r, spoken=spoken, policy=default_policy(), label="")
    return next(found for found in rows if found.term == term)


A, X = "sd(a:(Intercept))", "sd(a:x)"
COR = "cor(a:(Intercept),x)"


@pytest.mark.parametrize(
    ("share", "verdict"), [(1e-3, Verdict.MATCH), (0.999e-3, Verdict.BOUNDARY)]
)
@pytest.mark.parametrize("vanishing", [A, X])
@pytest.mark.parametrize("where", [0, 1], ids=["python", "r"])
def test_a_correlation_counts_while_both_components_have_a_variance(
    share: float, verdict: Verdict, vanishing: str, where: int
) -> None:
    sides = [{A: 2.0, X: 2.0, COR: 0.5}, {A: 2.0, X: 2.0, COR: 0.5}]
    sides[where][vanishing] = share
    found = row(side(**sides[0]), side(**sides[1]), COR)
    assert found.verdict is verdict
    assert (found.metric, found.limit, found.tier) == ("absolute", 1e-3, "T2")


def test_a_correlations_components_are_of_its_own_group() -> None:
    """``ab:x`` ends as ``a:x`` does and has no variance; it is another factor's."""
    for first in ({"sd(ab:x)": 0.0, A: 2.0, X: 2.0}, {A: 2.0, "sd(ab:x)": 0.0, X: 2.0}):
        given = {**first, COR: 0.5}
        assert row(side(**given), side(**{**given, COR: 0.9}), COR).verdict is Verdict.DIFFERS


def test_a_correlation_whose_components_nobody_lists_is_compared() -> None:
    found = row(side(**{A: 2.0, COR: 0.5}), side(**{A: 2.0, COR: 0.9}), COR)
    assert found.verdict is Verdict.DIFFERS


def test_a_standard_deviation_is_measured_as_a_share_of_its_own_sigma() -> None:
    found = row(side(**{A: 2.0}), side(**{A: 2.0, "sigma": 2.0}), A)
    assert (found.delta, found.tier) == (1.0, "T2")
    assert (found.metric, found.limit, found.verdict) == ("absolute", 1e-3, Verdict.DIFFERS)


@pytest.mark.parametrize("sigma", [0.0, None], ids=["zero", "none"])
def test_without_a_sigma_there_is_no_share(sigma: float | None) -> None:
    python, r = side(**{A: 2.0}), side(**{A: 2.5})
    numbers = {k: v for k, v in r.numbers.items() if k[0] != "sigma"}
    if sigma is not None:
        numbers["sigma", "sigma", 0] = Written(sigma)
    found = row(python, ModelNumbers(KEY, "", numbers, "satterthwaite"), A)
    assert found.delta == math.inf
    assert found.verdict is Verdict.DIFFERS


@pytest.mark.parametrize("sigma", [0.0, None], ids=["zero", "none"])
@pytest.mark.parametrize(("other", "verdict"), [(2.0001, Verdict.MATCH), (2.5, Verdict.DIFFERS)])
def test_where_nobody_gives_a_sigma_two_standard_deviations_are_held_by_their_ratio(
    other: float, verdict: Verdict, sigma: float | None
) -> None:
    sides = []
    for value in (2.0, other):
        whole = side(**{A: value})
        numbers = {k: v for k, v in whole.numbers.items() if k[0] != "sigma"}
        if sigma is not None:
            numbers["sigma", "sigma", 0] = Written(sigma)
        sides.append(ModelNumbers(KEY, "", numbers, "satterthwaite"))
    found = row(sides[0], sides[1], A)
    assert found.verdict is verdict
    assert (found.metric, found.limit) == ("relative", 1e-4)
    assert found.delta == pytest.approx(other / 2.0 - 1.0)


def test_a_component_that_one_side_lacks_vanished_there() -> None:
    whole, without = side(**{A: 2.0, X: 2.0, COR: 0.5}), side(**{A: 2.0, COR: 0.5})
    for sides in ((whole, without), (without, whole)):
        assert row(*sides, COR).verdict is Verdict.BOUNDARY
        assert row(*sides, X).red


def test_every_pair_of_standard_deviations_is_tried() -> None:
    """Effects may hold commas: only the pair that gives the whole name is the right one."""
    given = {"sd(b:r)": 2.0, "sd(a:p)": 2.0, "sd(a:p,q)": 2.0, "sd(a:r)": 0.0, "cor(a:p,q,r)": 0.5}
    assert row(side(**given), side(**given), "cor(a:p,q,r)").verdict is Verdict.BOUNDARY
