"""Two proportions compared: risk difference, number needed to treat, Fisher's exact test.

Pure functions of counts; a group of nobody has no proportion, and the numbers are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.engines.port.observed.standardised import normal_quantile

Count = tuple[int, int]
"""Responders and patients of a group."""
_NAN = math.nan


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its limits, from -1 to 1 for a difference of proportions."""

    estimate: float
    low: float
    high: float


def wilson(x: int, n: int, z: float) -> tuple[float, float]:
    """Score limits of a proportion x / n. Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.

    Args:
        x: responders.
        n: patients, one or more.
        z: two-sided normal quantile.
    """
    p = x / n
    centre = p + z**2 / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    low = 0.0 if x == 0 else (centre - half) / scale
    return low, 1.0 if x == n else (centre + half) / scale


def newcombe(first: Count, second: Count, level: float = 0.95) -> Interval:
    """Difference of proportions with the hybrid score limits.

    Newcombe (1998), Stat. Med. 17, 873-890, method 10: from the distances of each proportion to
    its own score limits, without a correction for continuity.

    Args:
        first: responders and patients.
        second: the same of the group it is compared with.
        level: of the limits, between 0 and 1.
    """
    if not (first[1] and second[1]):
        return Interval(_NAN, _NAN, _NAN)
    z = normal_quantile(0.5 + level / 2.0)
    p, q = first[0] / first[1], second[0] / second[1]
    (l1, u1), (l2, u2) = wilson(*first, z), wilson(*second, z)
    d = p - q
    return Interval(d, d - math.hypot(p - l1, u2 - q), d + math.hypot(u1 - p, q - l2))


def wald(first: Count, second: Count, level: float = 0.95) -> Interval:
    """Difference of proportions with normal limits, cut to -1 and 1.

    Method 1 of Newcombe (1998), as most published numbers needed to treat have it; too narrow in
    small groups, and of width zero where nobody or everybody responds.
    """
    if not (first[1] and second[1]):
        return Interval(_NAN, _NAN, _NAN)
    p, q = first[0] / first[1], second[0] / second[1]
    error = math.sqrt(p * (1 - p) / first[1] + q * (1 - q) / second[1])
    d, half = p - q, normal_quantile(0.5 + level / 2.0) * error
    return Interval(d, max(-1.0, d - half), min(1.0, d + half))


def needed_to_treat(difference: Interval) -> Interval:
    """One over a risk difference and its limits, exchanged: positive benefit, negative harm.

    Altman (1998), BMJ 317, 1309-1312. ``low`` is one over the upper limit and ``high`` one over the
    lower one. Where the interval of the difference spans 0, that of the number needed to treat is
    two rays: from ``low`` (positive) up through infinity to ``high`` (negative), so low > high.
    A difference of 0 needs infinitely many; a limit of 0 is infinite on the interval's own side.
    """
    return Interval(
        _inverse(difference.estimate, math.inf),
        _inverse(difference.high, -math.inf),
        _inverse(difference.low, math.inf),
    )


def _inverse(x: float, at_zero: float) -> float:
    return at_zero if x == 0.0 else 1.0 / x


NEARLY = 10_000_000
"""A table counts as no likelier than the observed one up to 1 + 1 / this of its probability."""


def fisher_p(first: Count, second: Count) -> float:
    """Fisher's exact test of two proportions, two-sided: all tables no likelier than this one.

    In whole numbers, so that the only rounding is the last division. Tables within 1e-7 of the
    observed one's probability count as equally likely, as R's ``fisher.test`` has it.
    """
    if not (first[1] and second[1]):
        return _NAN
    ways = dict(_ways(first[1], second[1], first[0] + second[0]))
    observed = ways[first[0]] * (NEARLY + 1)
    return sum(w for w in ways.values() if w * NEARLY <= observed) / sum(ways.values())


def _ways(n1: int, n2: int, m: int) -> Iterator[tuple[int, int]]:
    """In how many ways k of m responders are in the first group, by k."""
    k = max(0, m - n2)
    ways = math.comb(n1, k) * math.comb(n2, m - k)
    while k <= min(n1, m):
        yield k, ways
        ways = ways * (n1 - k) * (m - k) // ((k + 1) * (n2 - m + k + 1))
        k += 1
