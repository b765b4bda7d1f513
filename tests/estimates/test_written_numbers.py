"""What rounding may have taken from a printed number, and that nobody is granted more."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.estimates.written import read_number, rounded, significant_digits, unrounded


def half_units(*texts: str, exact: bool = False) -> list[float]:
    return [float(n.half_unit) for n in rounded(map(read_number, texts), exact=exact)]


@pytest.mark.parametrize(
    ("text", "half"),
    [
        ("1.40", 0.005),
        ("-1.40", 0.005),
        ("1.4", 0.05),
        ("14", 0.5),
        ("1.4e3", 50),
        ("1.40e-3", 5e-6),
        (".5", 0.05),
        ("0.000", 0.0005),
        ("0", 0.5),
    ],
)
def test_half_a_unit_in_the_last_digit(text: str, half: float) -> None:
    assert half_units(text) == [half]


def test_a_dropped_zero_is_seen_by_the_decimals_of_its_column() -> None:
    assert half_units("1.4", "2.35", "10.25") == [0.005] * 3


def test_significant_digits_are_seen_by_the_digits_of_their_column() -> None:
    assert half_units("251", "10.5", "0.0656") == [0.5, 0.05, 0.00005]
    assert half_units("1.5", "0.0656") == [0.005, 0.00005]
    assert half_units("0.0309", "1.20e-23") == [0.00005, 5e-26]


def test_a_whole_number_among_doubles_was_not_rounded() -> None:
    column = ["251.405104848485", "1527.5", "0"]
    assert unrounded(map(read_number, column))
    assert half_units(*column, exact=True) == pytest.approx([5e-13, 5e-12, 0])
    assert half_units(*column, exact=False)[1] < 1e-11


@pytest.mark.parametrize(("text", "digits"), [("0.0655512382381282", 15), ("1.40e5", 3), ("0", 0)])
def test_significant_digits(text: str, digits: int) -> None:
    assert significant_digits(text) == digits


def test_twelve_digits_are_no_print_for_a_reader() -> None:
    assert not unrounded([read_number("1.2345678901")])
    assert unrounded([read_number("1.23456789012")])


def test_no_cell_is_granted_more_than_its_own_digits_say() -> None:
    for column in (["1.403", "20"], ["1e5", "1.41"], ["0.001", "12345"]):
        for text, half in zip(column, half_units(*column), strict=True):
            assert half <= half_units(text)[0]


@given(
    value=st.floats(min_value=1e-6, max_value=1e6),
    decimals=st.integers(min_value=0, max_value=8),
)
def test_the_number_behind_a_print_lies_within_its_interval(value: float, decimals: int) -> None:
    (written,) = rounded([read_number(f"{value:.{decimals}f}")], exact=False)
    assert abs(Fraction(value) - written.exactly) <= written.half_unit


def test_infinities_and_nan_have_no_digits() -> None:
    cells = rounded(map(read_number, ["Inf", "-Inf", "NaN", "1.5"]), exact=False)
    assert [cell.half_unit for cell in cells[:3]] == [0, 0, 0]
    assert cells[0].value == math.inf
    assert cells[1].value == -math.inf
    assert math.isnan(cells[2].value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,40", "decimals are written with a point"),
        ("<0.001", "is not a number"),
        ("0.03*", "is not a number"),
        ("1_000", "is not a number"),
        ("0x10", "is not a number"),
        (" 1.4", "is not a number"),
        ("=1+1", "is not a number"),
        ("1e999", "beyond the range of a double"),
        ("1e-999", "beyond the range of a double"),
    ],
)
def test_what_is_no_number(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_number(text)
