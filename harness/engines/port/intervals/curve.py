"""The profile of one parameter: the lowest deviance at each of its values.

``zeta``, the signed root of the rise of the deviance above its minimum, is close to a straight line
in the parameter (Bates & Watts 1988, *Nonlinear Regression Analysis*, chapter 6), so a bound of an
interval is found by inverse interpolation in a few points, each a warm-started constrained Newton
search.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.newton import Options, Run, descend
from harness.engines.port.surface import Surface
from harness.errors import ModelError

Vector = npt.NDArray[np.float64]

PRECISE = 3e-9
"""Distance of zeta from its target at which a bound is found."""

NODES = 5
"""Most points that a polynomial goes through."""

POINTS = 100
"""Most points for one bound."""

PATIENCE = 6
"""Points after which a bound of the parameter is looked at: zeta may level off before it."""

LOWER = 1e-6
"""A deviance lower than the minimum by more than this: the minimum was not one."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a profile: the parameter (internal scale), zeta, and the free parameters."""

    at: float
    zeta: float
    free: Vector


@dataclass(slots=True)
class Curve:
    """One parameter's profile, on a scale on which it is easily followed.

    Attributes:
        term: its name.
        estimate: maximum-likelihood estimate.
        step: a first guess of the distance over which zeta rises by one.
        held: the criterion with the parameter held at a value.
        start: free parameters at the estimate.
        lowest: the deviance at the estimate.
        options: of the searches.
        outside: from the internal scale to the reported one.
        low: least value, or -inf.
        high: largest value, or inf.
        edge: the deviance at a bound, where the constrained criterion is of no use there.
        plateau: a deviance that every value of the parameter can have: that of a correlation one
            of whose standard deviations is zero. A descent at a held correlation may end in the
            other of two minima, so the plateau is looked at whatever it finds.
        level: the plateau, once asked for.
        points: what has been computed, in order of the parameter.
        walls: value and zeta at bounds that ``edge`` was asked for.
    """

    term: str
    estimate: float
    step: float
    held: Callable[[float], Surface]
    start: Vector
    lowest: float
    options: Options
    outside: Callable[[float], float] = float
    low: float = -math.inf
    high: float = math.inf
    edge: Callable[[], float] | None = None
    plateau: Callable[[], float] | None = None
    points: list[Point] = field(default_factory=list)
    walls: dict[float, float] = field(default_factory=dict)
    level: float | None = None

    def __post_init__(self) -> None:
        self.points.append(Point(self.estimate, 0.0, self.start))

    def zeta_at(self, value: float) -> float:
        """The signed root at a value inside the bounds; remembered.

        Raises:
            ModelError: the deviance falls below its minimum.
        """
        surface = self.held(value)
        best: Run | None = None
        for start in self._starts(value):
            try:
                first = surface.evaluate(start)
            except NotPositiveError:
                continue
            run = descend(surface, start, self.options, first=first)
            if best is None or run.at.value < best.at.value:
                best = run
            if best.at.value < self._plateau() - LOWER:
                break
        if best is None:
            return math.copysign(math.inf, value - self.estimate)
        deviance = best.at.value
        if self.plateau is not None:
            deviance = min(deviance, self._plateau())
        zeta = math.copysign(self._root(deviance), value - self.estimate)
        self.points.append(Point(value, zeta, best.at.theta))
        self.points.sort(key=lambda point: point.at)
        return zeta

    def _plateau(self) -> float:
        """The deviance that every value of the parameter can have; remembered."""
        if self.level is None and self.plateau is not None:
            self.level = self.plateau()
        return math.inf if self.level is None else self.level

    def _zeta_at_wall(self, wall: float) -> float:
        """The signed root at a bound; remembered."""
        if wall not in self.walls:
            if self.edge is None:
                self.walls[wall] = self.zeta_at(wall)
            else:
                root = self._root(self.edge())
                self.walls[wall] = math.copysign(root, wall - self.estimate)
        return self.walls[wall]

    def line(self) -> list[tuple[float, float]]:
        """Every value (internal scale) with its zeta, in order."""
        return sorted({**{point.at: point.zeta for point in self.points}, **self.walls}.items())

    def _root(self, deviance: float) -> float:
        """The root of a deviance's rise."""
        rise = deviance - self.lowest
        if rise < -LOWER:
            raise ModelError(
                f"profiling `{self.term}` came upon a deviance {-rise:.3g} below the fit's: the "
                "likelihood has several maxima; use intervals by bootstrap"
            )
        return math.sqrt(max(rise, 0.0))

    def _starts(self, value: float) -> list[Vector]:
        """Where to begin: along the line through the two nearest points, and the nearest itself.

        Only points on the way from the estimate count: they are on its branch of minima. The
        estimate itself is the last resort.
        """
        low, high = sorted((self.estimate, value))
        way = [point for point in self.points if low <= point.at <= high]
        near = sorted(way, key=lambda point: abs(point.at - value))[:2]
        starts = [near[0].free]
        if len(near) == 2 and near[0].at != near[1].at:
            share = (value - near[0].at) / (near[1].at - near[0].at)
            if abs(share) <= 4.0:
                starts.insert(0, near[0].free + share * (near[1].free - near[0].free))
        starts.append(self.start)
        return starts

    def bound(self, target: float) -> tuple[float, bool]:
        """The value at which zeta is ``target``, or the bound that zeta does not reach it before.

        Returns:
            The value on the reported scale, and whether zeta reaches the target.

        Raises:
            ModelError: it was not found in ``POINTS`` points.
        """
        side = 1.0 if target > 0.0 else -1.0
        wall = self.high if side > 0.0 else self.low
        if self.estimate == wall or self._plateau() - self.lowest < target * target:
            return self.outside(wall), False
        inner, outer = self.estimate, wall
        checked = not math.isfinite(wall)
        value = self._interpolated(target)
        for number in range(POINTS):
            beyond = side * (value - outer) >= 0.0
            if not checked and (beyond or number == PATIENCE):
                checked = True
                if abs(self._zeta_at_wall(wall)) < abs(target):
                    return self.outside(wall), False
            if beyond:
                value = 0.5 * (inner + outer)
            elif side * (value - inner) <= 0.0:
                value = 0.5 * (inner + outer) if math.isfinite(outer) else inner + side * self.step
            zeta = self.zeta_at(value)
            if abs(zeta - target) <= PRECISE:
                return self.outside(value), True
            if side * (zeta - target) < 0.0:
                inner = value
            else:
                outer = value
            if abs(outer - inner) <= 1e-14 * max(abs(inner), abs(self.estimate)):
                return self.outside(value), True
            value = self._interpolated(target)
            if number % 5 == 4 and math.isfinite(outer):  # whatever the curve, the bracket shrinks
                value = 0.5 * (inner + outer)
        raise ModelError(f"no bound of `{self.term}` by its profile in {POINTS} points")

    def toward(self, target: float) -> bool:
        """Compute one more point, where zeta is about ``target``; false beyond a bound."""
        wall = self.high if target > 0.0 else self.low
        if self.estimate == wall:
            return False
        value = self._interpolated(target)
        if not self.low < value < self.high:
            self._zeta_at_wall(wall)
            return False
        self.zeta_at(value)
        return True

    def _interpolated(self, target: float) -> float:
        """Where zeta is the target, by the polynomial through the nearest points, zeta to value."""
        known = [point for point in self.points if math.isfinite(point.zeta)]
        z: list[float] = []
        v: list[float] = []
        for point in sorted(known, key=lambda point: abs(point.zeta - target)):
            # Nodes much closer to each other than to the target would only amplify rounding.
            apart = max(0.05 * abs(point.zeta - target), 1e-12)
            if all(abs(point.zeta - other) > apart for other in z):
                z.append(point.zeta)
                v.append(point.at)
            if len(z) == NODES:
                break
        if len(z) < 2:
            return self.estimate + target * self.step
        value = _neville(z, v, target)
        reach = 3.0 * abs(v[0] - v[1]) / max(abs(z[0] - z[1]), 1e-300) * abs(target - z[0])
        if abs(value - v[0]) > reach:
            value = v[0] + (v[1] - v[0]) / (z[1] - z[0]) * (target - z[0])
        return value


def _neville(x: list[float], y: list[float], at: float) -> float:
    """The polynomial through the points (x, y), evaluated."""
    values = list(y)
    for width in range(1, len(x)):
        for k in range(len(x) - width):
            span = x[k] - x[k + width]
            values[k] = ((at - x[k + width]) * values[k] + (x[k] - at) * values[k + 1]) / span
    return values[0]
