"""Newton's method on many criteria at a time, each in a trust region of its own.

The rules of acceptance and of ending are those of :mod:`harness.engines.port.newton`; the step is
Newton's with the Hessian's eigenvalues taken positive, cut to the radius, which needs no search
for a multiplier and serves criteria that end in the interior. All others are left to the full
search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import FLAT, Problem
from harness.engines.port.influence.contributions import Contributions
from harness.engines.port.influence.evaluations import Evaluations, evaluate_without
from harness.engines.port.newton import Options

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Descents:
    """The ends of k descents.

    Attributes:
        theta: (k, t) standardised basis.
        ends: the criteria there.
        converged: (k,) gradient as demanded, curvature positive in every direction.
        saddle: (k,) whether a direction of negative curvature was met on the way.
    """

    theta: Matrix
    ends: Evaluations
    converged: Flags
    saddle: Flags

    def put(self, place: Index, other: Descents, rows: Index) -> None:
        """Overwrite the descents at ``place`` by those of another at ``rows``."""
        self.theta[place] = other.theta[rows]
        self.ends.put(place, other.ends, rows)
        self.converged[place] = other.converged[rows]
        self.saddle[place] |= other.saddle[rows]


def descend_all(
    at: Problem, parts: Contributions, groups: Index, start: Matrix, options: Options
) -> Descents:
    """Minimise the criteria without each of some groups (k,) from starts (k, t)."""
    k = len(groups)
    theta = start.copy()
    ends = evaluate_without(at, parts, groups, theta)
    radius = np.full(k, options.radius)
    saddle = np.zeros(k, dtype=bool)
    active = np.flatnonzero(np.isfinite(ends.value))
    for _ in range(options.iterations):
        if not len(active):
            break
        here = ends.at(active)
        step, promise, regular = _steps(here.gradient, here.hessian, radius[active])
        saddle[active] |= ~regular
        go = promise > options.excess
        active, step, promise, here = active[go], step[go], promise[go], here.at(go.nonzero()[0])
        if not len(active):
            break
        trial = evaluate_without(at, parts, groups[active], theta[active] + step)
        size = np.maximum(1.0, np.abs(here.value))
        before, after = np.abs(here.gradient).max(axis=1), np.abs(trial.gradient).max(axis=1)
        by_gradient = promise <= options.noise * size
        # Below rounding the criterion cannot judge a step; the gradient can.
        better = after < before
        with np.errstate(invalid="ignore"):
            quality = np.where(by_gradient, 1.0, (here.value - trial.value) / promise)
        accept = np.where(by_gradient, better, quality > 1e-4) & np.isfinite(trial.value)
        length = np.sqrt((step * step).sum(axis=1))
        now = radius[active]
        now = np.where(quality >= 0.25, now, 0.25 * length)
        grow = (quality > 0.75) & (length > 0.99 * now)
        radius[active] = np.where(grow, np.minimum(2.0 * now, options.largest_radius), now)
        taken = accept.nonzero()[0]
        theta[active[taken]] += step[taken]
        ends.put(active[taken], trial, taken)
        stuck = radius[active] < 1e-14 * (1.0 + np.abs(theta[active]).max(axis=1))
        active = active[~(by_gradient & ~better) & ~(stuck & ~accept)]
    steep = np.abs(ends.gradient).max(axis=1) / np.maximum(1.0, np.abs(ends.value))
    converged = np.isfinite(ends.value) & (steep <= options.gradient)
    w = np.linalg.eigvalsh(ends.hessian)
    converged &= w[:, 0] > FLAT * w[:, -1]
    return Descents(theta, ends, converged, saddle)


def _steps(g: Matrix, H: Matrix, radius: Vector) -> tuple[Matrix, Vector, Flags]:
    """Steps (k, t) within the radii, the improvement promised, and which H are regular."""
    w, V = np.linalg.eigh(H)
    top = np.abs(w).max(axis=1, keepdims=True)
    top = np.where(top > 0.0, top, 1.0)
    c = np.einsum("kij,ki->kj", V, g)
    flat = np.abs(w) <= 1e-12 * top
    quiet = flat & (np.abs(c) <= 1e-7 * np.abs(c).max(axis=1, keepdims=True))
    c = np.where(quiet, 0.0, c)
    s = -c / np.maximum(np.abs(w), 1e-12 * top)
    length = np.sqrt((s * s).sum(axis=1))
    s *= np.minimum(1.0, radius / np.maximum(length, 1e-300))[:, None]
    promise = -(c * s).sum(axis=1) - 0.5 * (w * s * s).sum(axis=1)
    regular = np.asarray((w > -1e-9 * top).all(axis=1))
    return np.einsum("kij,kj->ki", V, s), promise, regular
