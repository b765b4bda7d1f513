"""Which contrasts of a list of means are asked for: their names and coefficients.

Names and order are those of R's emmeans, so that tables can be read side by side.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]

METHODS = ("pairwise", "revpairwise", "trt.vs.ctrl", "consec", "eff", "poly")
"""Families of contrasts known by name."""

Method = str | Mapping[str, Sequence[float]]
"""A family by name, or own contrasts: name -> a coefficient for each mean."""

USUAL_ADJUSTMENT = {
    "pairwise": "tukey",
    "revpairwise": "tukey",
    "trt.vs.ctrl": "dunnett",
    "consec": "mvt",
    "eff": "BH",
    "poly": "none",
}
"""What a family is adjusted by unless told otherwise: as emmeans, but Dunnett exactly."""

MOST_DEGREE = 6
"""Highest degree of the polynomial contrasts."""

_OPERATOR = re.compile(r"[-+*/]")


@dataclass(frozen=True, slots=True)
class ContrastSet:
    """Contrasts of k means.

    Attributes:
        names: of the c contrasts.
        coefficients: (c, k).
        pairs_of: k where they are all the pairs of k means, otherwise 0.
    """

    names: tuple[str, ...]
    coefficients: Matrix
    pairs_of: int = 0


def contrast_set(method: Method, labels: Sequence[str], ref: str | int = 0) -> ContrastSet:
    """The contrasts of a family.

    Args:
        method: which.
        labels: of the k means.
        ref: for ``trt.vs.ctrl`` the control: its label, or its position from 0.

    Raises:
        ModelError: an unknown family or control, own contrasts that do not fit the means, or
            fewer than two means.
    """
    k = len(labels)
    if not isinstance(method, str):
        return _own(method, k)
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise ModelError(f"no contrasts `{method}`; one of {known}, or name -> coefficients")
    if k < 2:
        raise ModelError(f"contrasts `{method}` need two or more means; here is {k}")
    unit = np.eye(k)
    spelt = [f"({label})" if _OPERATOR.search(label) else label for label in labels]
    match method:
        case "pairwise":
            pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
        case "revpairwise":
            pairs = [(i, j) for i in range(k) for j in range(i)]
        case "consec":
            pairs = [(i + 1, i) for i in range(k - 1)]
        case "trt.vs.ctrl":
            control = _position(ref, labels)
            pairs = [(i, control) for i in range(k) if i != control]
        case "eff":
            names = tuple(f"{label} effect" for label in spelt)
            return ContrastSet(names, unit - 1.0 / k)
        case _:
            return _polynomials(k)
    names = tuple(f"{spelt[i]} - {spelt[j]}" for i, j in pairs)
    coefficients = np.array([unit[i] - unit[j] for i, j in pairs])
    return ContrastSet(names, coefficients, k if "pairwise" in method else 0)


def interaction_set(
    sets: Sequence[ContrastSet],
) -> tuple[list[tuple[str, ...]], Matrix]:
    """Products of contrasts of several factors, the first factor varying fastest.

    Args:
        sets: contrasts of each factor's levels.

    Returns:
        The factors' names of each product, and coefficients of the means of all combinations of
        levels, again the first factor's fastest.
    """
    names: list[tuple[str, ...]] = [()]
    coefficients: Matrix = np.ones((1, 1))
    for each in sets:
        names = [(*first, name) for name in each.names for first in names]
        coefficients = np.asarray(np.kron(each.coefficients, coefficients), dtype=np.float64)
    return names, coefficients


def _position(ref: str | int, labels: Sequence[str]) -> int:
    if isinstance(ref, str) and ref in labels:
        return list(labels).index(ref)
    if isinstance(ref, int) and 0 <= ref < len(labels):
        return ref
    raise ModelError(f"ref: no mean `{ref}`; there are: {', '.join(labels)}")


def _own(method: Mapping[str, Sequence[float]], k: int) -> ContrastSet:
    """A user's own contrasts."""
    if not isinstance(method, Mapping):
        raise ModelError(
            f"no contrasts {method!r}; name them, or write name -> a coefficient for each mean"
        )
    if not method:
        raise ModelError("own contrasts: none given; write name -> a coefficient for each mean")
    rows = []
    for name, coefficients in method.items():
        try:
            row = np.asarray(coefficients, dtype=np.float64)
        except (TypeError, ValueError):
            row = np.empty(0)
        if row.shape != (k,) or not np.isfinite(row).all():
            raise ModelError(f"contrast `{name}` needs {k} finite coefficients, one for each mean")
        rows.append(row)
    return ContrastSet(tuple(map(str, method)), np.array(rows))


def _polynomials(k: int) -> ContrastSet:
    """Orthogonal polynomials in the position of the means, in lowest whole numbers.

    Discrete Chebyshev polynomials by their recurrence (Szego 1939, *Orthogonal Polynomials*,
    section 2.8).
    """
    x = [2 * i - k + 1 for i in range(k)]
    before, now = [Fraction(0)] * k, [Fraction(1)] * k
    rows = []
    degrees = min(k - 1, MOST_DEGREE)
    for n in range(degrees):
        step = [
            ((2 * n + 1) * at * here - n * (k * k - n * n) * last) / (n + 1)
            for at, here, last in zip(x, now, before, strict=True)
        ]
        before, now = now, step
        whole = math.lcm(*(value.denominator for value in now))
        integers = [int(value * whole) for value in now]
        divisor = math.gcd(*integers)
        rows.append([float(value // divisor) for value in integers])
    names = ("linear", "quadratic", "cubic", "quartic", "degree 5", "degree 6")[:degrees]
    return ContrastSet(names, np.array(rows))
