"""A number as somebody printed it: its value, and what rounding may have taken from it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from harness.data.cells import NUMBER
from harness.estimates.table import Value

FULL_PRECISION = 12
"""Significant digits from which on nobody rounded a number for a reader: it is a double."""

_DIGITS_OF_A_DOUBLE = 15
_SPECIAL = {
    "Inf": math.inf,
    "inf": math.inf,
    "-Inf": -math.inf,
    "-inf": -math.inf,
    "NaN": math.nan,
    "nan": math.nan,
}
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
_PARTS = re.compile(r"-?([0-9]*)\.?([0-9]*)(?:[eE]([-+]?[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Written:
    """A number and the text it was read from.

    Attributes:
        value: the number.
        text: as printed; empty where a double was given bit for bit.
        half_unit: what rounding may have moved the number by: half a unit in the last digit it
            was printed to, in the number's own unit; 0 where it was not rounded.
    """

    value: Value
    text: str = ""
    half_unit: Fraction = Fraction(0)

    @property
    def exactly(self) -> Fraction:
        """The number printed, without the rounding to a double; the value must be finite."""
        if self.text and not isinstance(self.value, bool):
            return Fraction(self.text)
        return Fraction(self.value)


def read_number(text: str) -> Written:
    """The number a cell holds.

    Raises:
        ValueError: it holds none, in words that end a sentence about the cell.
    """
    if text in _SPECIAL:
        return Written(_SPECIAL[text], text)
    if NUMBER.fullmatch(text) is None:
        if _DECIMAL_COMMA.fullmatch(text):
            raise ValueError("is not a number; decimals are written with a point")
        raise ValueError("is not a number")
    value = float(text)
    if not math.isfinite(value) or (value == 0 and Fraction(text) != 0):
        raise ValueError("is beyond the range of a double")
    return Written(value, text)


def rounded(column: Iterable[Written], *, exact: bool) -> tuple[Written, ...]:
    """A column of numbers, each with what rounding may have moved it by.

    Programs drop trailing zeros, so ``1527.5`` can be a rounded number or a whole one. What its
    own column was rounded to decides: to so many decimals (the most any cell has), or to so many
    significant digits (likewise); the coarser of the two, but never coarser than the cell itself.

    Args:
        column: numbers that were printed alike.
        exact: whether the file holds doubles that nobody rounded (see ``unrounded``).
    """
    cells = tuple(column)
    printed = [cell for cell in cells if _is_printed(cell)]
    decimals = max((_last_place(cell.text) for cell in printed), default=0)
    digits = max((significant_digits(cell.text) for cell in printed), default=0)
    if exact:
        digits = _DIGITS_OF_A_DOUBLE
    return tuple(
        replace(cell, half_unit=_half_unit(cell, decimals, digits, exact=exact))
        if _is_printed(cell)
        else cell
        for cell in cells
    )


def unrounded(numbers: Iterable[Written]) -> bool:
    """Whether any number has more digits than one prints for a reader."""
    return any(_is_printed(n) and significant_digits(n.text) >= FULL_PRECISION for n in numbers)


def significant_digits(text: str) -> int:
    """Digits from the first that is not 0 to the last one printed; 0 for a zero."""
    whole, after, _ = _parts(text)
    return len((whole + after).lstrip("0"))


def _half_unit(cell: Written, decimals: int, digits: int, *, exact: bool) -> Fraction:
    if cell.value == 0:
        return Fraction(0) if exact else Fraction(10) ** -decimals / 2
    by_digits = digits - 1 - math.floor(math.log10(abs(float(cell.value))))
    place = by_digits if exact else max(_last_place(cell.text), min(decimals, by_digits))
    return Fraction(10) ** -place / 2


def _last_place(text: str) -> int:
    """Decimals of the last digit printed: 2 for ``1.40``, -2 for ``1.4e3``."""
    _, after, exponent = _parts(text)
    return len(after) - exponent


def _parts(text: str) -> tuple[str, str, int]:
    found = _PARTS.fullmatch(text)
    assert found is not None  # noqa: S101 - only numbers that were read come here
    return found[1], found[2], int(found[3] or 0)


def _is_printed(cell: Written) -> bool:
    return bool(cell.text) and not isinstance(cell.value, bool) and math.isfinite(cell.value)
