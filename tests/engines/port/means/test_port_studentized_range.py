"""The studentised range beside scipy's nested quadrature, closed forms and its own quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, stdtr
from scipy.stats import studentized_range

from harness.engines.port.means.studentized_range import range_point, range_tail

Q = np.array([0.5, 1.5, 3.3, 4.5, 8.0, 30.0])


@pytest.mark.parametrize("df", [1.0, 2.0, 3.7, 10.0, 68.3, 240.0, np.inf])
@pytest.mark.parametrize("means", [3, 4, 15])
def test_tail_as_scipy(means: int, df: float) -> None:
    wanted = studentized_range.sf(Q, means, df)
    assert range_tail(Q, means, df) == pytest.approx(wanted, abs=1e-11)


@pytest.mark.parametrize("df", [0.7, 1.0, 1.3, 1.5, 2.5, 9.9, 10.1, 1000.0, 1e5, 1e7])
def test_two_means_are_a_t_test(df: float) -> None:
    wanted = 2.0 * stdtr(df, -Q / np.sqrt(2.0))
    assert range_tail(Q, 2, df) == pytest.approx(wanted, abs=1e-10)


def test_two_means_of_known_variance_are_a_z_test() -> None:
    assert range_tail(Q, 2, np.inf) == pytest.approx(2.0 * ndtr(-Q / np.sqrt(2.0)), abs=1e-14)


@pytest.mark.parametrize("df", [1.0, 1.5, 2.0, 4.2, 30.0, 1e6, np.inf])
@pytest.mark.parametrize(("means", "level"), [(3, 0.95), (6, 0.99), (20, 0.5)])
def test_points_are_the_tails(means: int, level: float, df: float) -> None:
    point = range_point(level, means, df)
    assert range_tail(np.array([point]), means, df)[0] == pytest.approx(1.0 - level, abs=1e-12)


def test_tables() -> None:
    # The printed 5 % points for 3 means and 10, 20 df; for 5 means and infinitely many.
    for means, df, point in ((3, 10.0, 3.88), (3, 20.0, 3.58), (5, np.inf, 3.86)):
        assert range_point(0.95, means, df) == pytest.approx(point, abs=5e-3)
