"""Risk differences, numbers needed to treat and Fisher's test against papers and other programs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.engines.port.observed.proportions import (
    Interval,
    fisher_p,
    needed_to_treat,
    newcombe,
    wald,
    wilson,
)

# Newcombe (1998), Table II: methods 1 and 10.
PRINTED = [
    ((56, 70), (48, 80), (0.0575, 0.3425), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.2605, 0.9395), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.1481, 0.9947), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (0.0146, 0.1640), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (0.0, 0.0), (-0.1611, 0.2775)),
    ((0, 10), (0, 10), (0.0, 0.0), (-0.2775, 0.2775)),
    ((10, 10), (0, 20), (1.0, 1.0), (0.6791, 1.0)),
    ((10, 10), (0, 10), (1.0, 1.0), (0.6075, 1.0)),
]


@pytest.mark.parametrize(("first", "second", "normal", "score"), PRINTED)
def test_newcombes_table(first: Any, second: Any, normal: Any, score: Any) -> None:
    for method, printed in ((wald, normal), (newcombe, score)):
        found = method(first, second)
        assert (round(found.low, 4), round(found.high, 4)) == printed
        flipped = method(second, first)
        assert (flipped.low, flipped.high) == pytest.approx((-found.high, -found.low), abs=1e-15)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_statsmodels_has_the_same(level: float) -> None:
    for first, second in (((13, 75), (41, 75)), ((1, 3), (17, 19)), ((8, 8), (5, 11))):
        found = newcombe(first, second, level)
        theirs = confint_proportions_2indep(*first, *second, method="newcomb", alpha=1 - level)
        assert (found.low, found.high) == pytest.approx(theirs, abs=1e-14)


def test_a_wald_interval_does_not_leave_what_is_possible() -> None:
    assert wald((19, 20), (1, 20)).high == 1.0
    assert wald((1, 20), (19, 20)).low == -1.0
    assert wilson(0, 5, 1.96)[0] == 0.0
    assert wilson(5, 5, 1.96)[1] == 1.0


@pytest.mark.parametrize(
    ("difference", "nnt"),
    [
        ((0.25, 0.1, 0.4), (4.0, 2.5, 10.0)),
        ((-0.25, -0.4, -0.1), (-4.0, -10.0, -2.5)),
        ((0.1, -0.05, 0.25), (10.0, 4.0, -20.0)),
        ((0.0, -0.5, 0.25), (math.inf, 4.0, -2.0)),
        ((0.25, 0.0, 0.5), (4.0, 2.0, math.inf)),
        ((-0.25, -0.5, 0.0), (-4.0, -math.inf, -2.0)),
        ((math.nan,) * 3, (math.nan,) * 3),
    ],
)
def test_numbers_needed_to_treat_are_inverted_end_by_end(difference: Any, nnt: Any) -> None:
    found = needed_to_treat(Interval(*difference))
    assert (found.estimate, found.low, found.high) == pytest.approx(nnt, rel=1e-15, nan_ok=True)


def test_the_two_rays_hold_what_the_differences_interval_holds() -> None:
    """Altman (1998): where the interval spans 0, from low through infinity to high."""
    difference = newcombe((5, 56), (0, 29))
    nnt = needed_to_treat(difference)
    assert nnt.high < 0.0 < nnt.low
    for number in (6.0, 500.0, -500.0, -27.0):
        assert difference.low < 1 / number < difference.high
        assert number > nnt.low or number < nnt.high
    for number in (5.0, -26.0):
        assert not difference.low < 1 / number < difference.high
        assert nnt.high < number < nnt.low


def test_fishers_test_of_every_small_table() -> None:
    tables = [((x, 12), (y, 9)) for x in range(13) for y in range(10)]
    for (x, n), (y, m) in tables:
        theirs = fisher_exact([[x, n - x], [y, m - y]])[1]
        assert fisher_p((x, n), (y, m)) == pytest.approx(theirs, rel=1e-12)


def test_tables_as_likely_as_the_observed_one_count() -> None:
    """Fisher's tea: 3 of 4 right; of the 70 tables, 16 + 1 on either side are no likelier."""
    assert fisher_p((3, 4), (1, 4)) == 34 / 70


def test_a_group_of_nobody_has_no_numbers() -> None:
    for method in (newcombe, wald):
        assert math.isnan(method((0, 0), (1, 3)).estimate)
        assert math.isnan(method((1, 3), (0, 0)).low)
    assert math.isnan(fisher_p((0, 0), (1, 3)))
