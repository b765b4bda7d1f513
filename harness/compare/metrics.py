"""Differences between two numbers, each in one unit; symmetric, never negative, never NaN.

Rules shared by all of them: NaN on both sides is no difference and NaN on one side an
infinite one; equal infinities are equal and any other pair with an infinity is infinitely
apart. So a limit, however loose, never passes a number that only one side has.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable


def _special(a: float, b: float) -> float | None:
    """0 or inf where NaN or infinity settles the difference, else None."""
    if math.isnan(a) or math.isnan(b):
        return 0.0 if math.isnan(a) and math.isnan(b) else math.inf
    if math.isinf(a) or math.isinf(b):
        return 0.0 if a == b else math.inf
    return None


def absolute(a: float, b: float) -> float:
    """``|a - b|``, in the unit of the numbers."""
    special = _special(a, b)
    return abs(a - b) if special is None else special


def deviance(a: float, b: float) -> float:
    """``|a - b|`` of two criteria, in deviance units (minus twice a log-likelihood)."""
    return absolute(a, b)


def exact(a: float, b: float) -> float:
    """``|a - b|`` of two counts, flags or closed forms; any value above 0 is a difference."""
    return absolute(a, b)


def larger_magnitude(a: float, b: float) -> float:
    """The larger of ``|a|`` and ``|b|``, a NaN left out; 0 for two of them."""
    a, b = abs(a), abs(b)
    if math.isnan(a):
        return 0.0 if math.isnan(b) else b
    return b if b > a else a  # a where b is NaN


def relative(a: float, b: float) -> float:
    """``|a - b|`` as a share of the smaller magnitude: infinite when only one is zero.

    Below the smallest normal double (2.2e-308) relative precision does not exist: two numbers
    there are equal, and a number above is compared with that bound.
    """
    special = _special(a, b)
    if special is not None:
        return special
    tiny = sys.float_info.min
    if max(abs(a), abs(b)) < tiny or a == b:
        return 0.0
    smaller = min(abs(a), abs(b))
    return abs(a - b) / smaller if smaller > 0 else math.inf


def in_se(a: float, b: float, std_errors: Iterable[float]) -> float:
    """``|a - b|`` in standard errors, the smallest positive finite one of those given.

    The smallest, so that a standard error wrong on one side cannot excuse the estimate.
    Without any, equal numbers are equal and others infinitely apart.
    """
    special = _special(a, b)
    if special is not None:
        return special
    if a == b:
        return 0.0
    usable = [se for se in std_errors if math.isfinite(se) and se > 0]
    return abs(a - b) / min(usable) if usable else math.inf


def in_mcse(a: float, b: float, errors: tuple[float, float], least: float) -> float:
    """``|a - b|`` in standard errors of the difference of two Monte-Carlo answers.

    Args:
        a: one answer.
        b: the other.
        errors: the Monte-Carlo standard error of each; one that is NaN or infinite makes different
            answers infinitely apart, because it excuses nothing.
        least: what the unit is never below, in the unit of the answers.
    """
    special = _special(a, b)
    if special is not None:
        return special
    if a == b:
        return 0.0
    unit = math.hypot(*errors)
    if not math.isfinite(unit) or max(unit, least) <= 0.0:
        return math.inf
    return abs(a - b) / max(unit, least)


def ulp(a: float, b: float) -> float:
    """How many doubles apart: 0 for equal (0.0 and -0.0 too), 1 for neighbours."""
    special = _special(a, b)
    return float(abs(_rank(a) - _rank(b))) if special is None else special


def _rank(x: float) -> int:
    """Position of a finite double on the number line of doubles, with zero at 0."""
    bits: int = struct.unpack("<q", struct.pack("<d", x))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)
