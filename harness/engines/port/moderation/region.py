"""The Johnson-Neyman region: at which values of a moderator is an effect significant?

Johnson & Neyman (1936), Stat. Res. Mem. 1, 57-93; Bauer & Curran (2005), Multivariate Behav. Res.
40, 373-400. In a mixed model the degrees of freedom of the effect change with the moderator; here
they are those of the contrast at every value, so that a bound is where its own test has p = alpha.

The search runs over an angle u with ``m = centre + spread tan(u)``, so that one finite interval
holds every value of the moderator. For a straight line, with centre where the standard error is
smallest and the right spread, ``t(u) = R cos(u - u0)``: nothing hangs on the moderator's unit or
origin. What is no polynomial in the moderator is searched between its smallest and largest value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import elementwise

from harness.engines.port.moderation.effect import Effect
from harness.engines.port.wald import critical, wald_table
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

POINTS = 1441
"""Points of the first look, an eighth of a degree apart."""


@dataclass(frozen=True, slots=True)
class Search:
    """Where the effect is significant, in the moderator's unit.

    Attributes:
        bounds: (b,) ascending values at which significance begins or ends.
        significant: (b + 1,) whether the effect is, below, between and above them.
        low, high: ends of what was searched; infinite for a polynomial.
    """

    bounds: Vector
    significant: npt.NDArray[np.bool_]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Path:
    """The contrast along the angle.

    Attributes:
        rows: (k,) angles -> (k, p) contrasts, of any length.
        moderator: (k,) angles -> values.
        low, high: ends of the angle.
        ends: the moderator at these ends.
    """

    rows: Callable[[Vector], Matrix]
    moderator: Callable[[Vector], Vector]
    low: float
    high: float
    ends: tuple[float, float]


def search_region(effect: Effect, alpha: float) -> Search:
    """Find every value of the moderator at which the effect's p value crosses alpha.

    Args:
        effect: which.
        alpha: two-sided level of the test at each value.

    Raises:
        ModelError: an effect the data do not determine, or that has no test somewhere.
    """
    path = _path(effect)

    def excess(u: Vector) -> Vector:
        estimate, std_error, df = effect.tested(path.rows(u))
        return np.abs(estimate / std_error) - critical(df, alpha)

    u = np.linspace(path.low, path.high, POINTS)
    value = excess(u)
    if not np.isfinite(value).all():
        raise ModelError(
            f"the effect `{effect.label}` has no test at some values of `{effect.moderator}`"
        )
    roots = _roots(excess, u, value)
    edges = np.concatenate([[path.low], roots, [path.high]])
    significant = excess((edges[:-1] + edges[1:]) / 2.0) > 0.0
    return Search(path.moderator(roots), significant, *path.ends)


def false_discovery_level(effect: Effect, alpha: float) -> float:
    """The level at which a region keeps the rate of false discoveries over the values observed.

    Benjamini & Hochberg's step-up over the distinct values of the moderator: alpha i / k with the
    largest i whose p value is no larger, i = 1 where there is none (Esarey & Sumner 2018, Comp.
    Polit. Stud. 51, 1144-1176).
    """
    values = np.unique(effect.observed)
    p = wald_table(*effect.tested(effect.rows(values)), 1.0 - alpha).p_value
    steps = alpha * np.arange(1, len(values) + 1) / len(values)
    passed = np.flatnonzero(np.sort(p) <= steps)
    return float(steps[passed[-1] if len(passed) else 0])


def _path(effect: Effect) -> _Path:
    low, high = float(effect.observed.min()), float(effect.observed.max())
    if effect.degree is None:
        return _Path(effect.rows, lambda u: u, low, high, (low, high))
    powers = effect.powers
    middle, half = effect.range
    centre, spread = _turn(effect, powers)
    degree = len(powers) - 1

    def rows(u: Vector) -> Matrix:
        # Homogeneous in (cos, sin), hence finite at both ends; a positive factor changes no test.
        cos = np.cos(u)
        z = centre * cos + spread * np.sin(u)
        basis = np.stack([z**k * cos ** (degree - k) for k in range(degree + 1)], axis=1)
        return np.asarray(basis @ powers)

    def moderator(u: Vector) -> Vector:
        return np.asarray(middle + half * (centre + spread * np.tan(u)))

    right = np.pi / 2.0
    return _Path(rows, moderator, -right, right, (-np.inf, np.inf))


def _turn(effect: Effect, powers: Matrix) -> tuple[float, float]:
    """Centre and spread in units of z: of a straight line those of its covariance, else 0 and 1."""
    if len(powers) == 2:
        v = powers @ effect.fit.covariance(effect.method) @ powers.T
        left = v[0, 0] * v[1, 1] - v[0, 1] ** 2
        if v[1, 1] > 0.0 and left > 0.0:
            return -v[0, 1] / v[1, 1], float(np.sqrt(left)) / v[1, 1]
    return 0.0, 1.0


def _roots(f: Callable[[Vector], Vector], u: Vector, value: Vector) -> Vector:
    """Where f changes sign, ascending, to the last digits."""
    left, right = _brackets(f, u, value)
    roots = u[1:-1][value[1:-1] == 0.0]
    if len(left):
        found = elementwise.find_root(f, (left, right), tolerances={"xatol": 1e-15, "xrtol": 1e-15})
        if not found.success.all():
            raise ModelError("a bound of the region was bracketed but not found")
        roots = np.concatenate([roots, found.x])
    return np.sort(roots)


def _brackets(f: Callable[[Vector], Vector], u: Vector, value: Vector) -> tuple[Vector, Vector]:
    """Intervals in which f changes sign, those between two points of the first look included."""
    change = np.flatnonzero(value[:-1] * value[1:] < 0.0)
    left, right = [u[change]], [u[change + 1]]
    # f may touch zero between points: where it comes nearest without having crossed.
    inner = value[1:-1]
    size = np.abs(inner)
    dip = (size <= np.abs(value[:-2])) & (size <= np.abs(value[2:])) & (inner != 0.0)
    same = (np.sign(value[:-2]) == np.sign(inner)) & (np.sign(value[2:]) == np.sign(inner))
    for sign in (1.0, -1.0):
        k = np.flatnonzero(dip & same & (np.sign(inner) == sign)) + 1
        if not len(k):
            continue

        def towards_zero(x: Vector, sign: float = sign) -> Vector:
            return sign * f(x)

        found = elementwise.find_minimum(towards_zero, (u[k - 1], u[k], u[k + 1]))
        crossed = found.success & (found.f_x < 0.0)
        left += [u[k - 1][crossed], found.x[crossed]]
        right += [found.x[crossed], u[k + 1][crossed]]
    return np.concatenate(left), np.concatenate(right)
