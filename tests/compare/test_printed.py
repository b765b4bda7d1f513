"""The rule of the digits by itself, in numbers that doubles hold exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from harness.compare.measure import Measured
from harness.compare.printed import as_printed
from harness.estimates.written import Written

HALF = Fraction(1, 2)


def printed(value: float, half: Fraction = HALF) -> Written:
    return Written(value, repr(value), half)


def measured(delta: float, limit: float = 0.0, metric: str = "absolute") -> Measured:
    return Measured(delta, metric, limit, "T2")


def test_exactly_half_a_unit_away_agrees_and_a_hair_more_does_not() -> None:
    found = as_printed(Written(1.5), printed(1.0), measured(0.5))
    assert found is not None
    assert (found.agree, found.gap, found.allowed) == (True, 0.5, 0.5)
    beyond = as_printed(Written(math.nextafter(1.5, 2)), printed(1.0), measured(0.5))
    assert beyond is not None
    assert not beyond.agree
    # Nearer than a double can say: the exact difference decides, and the doubles keep its order.
    third = Written(1.0, "1.0", Fraction(1, 3))
    near = as_printed(Written(1.0 + 1 / 3 + 2**-52), third, measured(0.3))
    assert near is not None
    assert (near.agree, near.gap > near.allowed) == (False, True)


@pytest.mark.parametrize(
    ("limit", "delta", "allowed"),
    [
        (0.25, 1.0, 0.75),  # a quarter in the metric is a quarter of the gap of 1
        (0.25, 2.0, 0.625),  # another unit: an eighth
        (0.25, math.inf, 0.5),
        (math.inf, 1.0, 0.5),
        (0.25, 0.0, 0.5),
    ],
)
def test_the_policys_limit_is_granted_on_top(limit: float, delta: float, allowed: float) -> None:
    found = as_printed(Written(2.0), printed(1.0), measured(delta, limit))
    assert found is not None
    assert (found.gap, found.allowed) == (1.0, allowed)


def test_which_number_is_the_coarser() -> None:
    fine = printed(1.25, Fraction(1, 8))
    for sides, text in (
        ((fine, printed(1.0)), "r: 1.0"),
        ((printed(1.0), fine), "python: 1.0"),
        ((printed(1.0), printed(2.0)), "python: 1.0, r: 2.0"),
    ):
        found = as_printed(*sides, measured(1.0))
        assert found is not None
        assert found.text == text
        assert found.allowed == 0.5


@pytest.mark.parametrize(("limit", "coarse"), [(0.25, True), (0.5, False), (1.0, False)])
def test_digits_are_coarse_where_they_allow_more_than_the_policy(
    limit: float, coarse: bool
) -> None:
    found = as_printed(Written(2.0), printed(1.0), measured(1.0, limit))
    assert found is not None
    assert found.coarse is coarse


@pytest.mark.parametrize(
    ("python", "r", "metric"),
    [
        (Written(1.0), Written(2.0), "absolute"),
        (Written(1.0), printed(2.0), "exact"),
        (Written(math.nan), printed(2.0), "absolute"),
        (printed(2.0), Written(math.inf, "Inf"), "absolute"),
    ],
)
def test_where_digits_have_no_say(python: Written, r: Written, metric: str) -> None:
    assert as_printed(python, r, measured(1.0, 0.0, metric)) is None
