from __future__ import annotations

import math

import pytest

from harness.report.figures import apart, exact_figure, figure, p_figure, small


@pytest.mark.parametrize(
    ("value", "shown", "exact"),
    [
        (None, "", ""),
        (True, "yes", "1"),
        (False, "no", "0"),
        (280, "280", "280"),
        (23.5, "23.5000", "23.5"),
        (0.1 + 0.2, "0.300000", "0.30000000000000004"),
        (123456.0, "123456", "123456.0"),
        (math.inf, "Inf", "Inf"),
        (-math.inf, "-Inf", "-Inf"),
        (math.nan, "NaN", "NaN"),
        (1e-12, "1.00000e-12", "1e-12"),
    ],
)
def test_values(value: object, shown: str, exact: str) -> None:
    assert figure(value) == shown
    assert exact_figure(value) == exact


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.0309, "0.0309"), (1e-4, "0.0001"), (9.9e-5, "9.9e-05"), (0.0, "0.0000"), (None, "")],
)
def test_p_values(p: float | None, shown: str) -> None:
    assert p_figure(p) == shown


def test_two_values_that_differ_never_look_equal() -> None:
    assert apart(1.0, 1.0) == ("1.00000", "1.00000")
    assert apart(1.0, 1.0 + 1e-9) == ("1.00000000000", "1.00000000100")
    left, right = apart(1.0, math.nextafter(1.0, 2))
    assert left != right
    assert apart(None, 2.0) == ("", "2.00000")


def test_differences() -> None:
    assert [small(v) for v in (None, 0.0, 3.14e-11, math.inf)] == ["", "0", "3.1e-11", "Inf"]
