"""The search for the minimum of a repeated-measures criterion: Newton in a trust region.

Parameters are unbounded, so there is no boundary to verify; a covariance that becomes singular
shows as a parameter that runs away, and is recognised by its correlations. Conn, Gould & Toint
(2000), *Trust-Region Methods*, chapter 7; More & Sorensen (1983), SIAM J. Sci. Stat. Comput. 4,
553-572.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.newton import Options
from harness.engines.port.repeated.likelihood import Point, RepeatedCriterion

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

OPTIONS = Options(excess=1e-20, radius=2.0, largest_radius=8.0, iterations=200)
"""In force for repeated measures: radius in logs of standard deviations and their like."""

SINGULAR = 1e-12
"""Smallest eigenvalue of the visits' correlations below which they are singular."""

DIVERGING = 1e-6
"""A search is on its way there when it ends below this with a relative gradient above it."""


@dataclass(slots=True)
class Descent:
    """One descent: where it is and what it saw."""

    at: Point
    path: list[tuple[Vector, float]]
    evaluations: int
    saddle: bool
    message: str

    @property
    def steep(self) -> float:
        """Largest entry of the gradient over max(1, |criterion|)."""
        return float(np.abs(self.at.gradient).max()) / max(1.0, abs(self.at.value))


@dataclass(frozen=True, slots=True)
class RepeatedSearch:
    """What a search found.

    Attributes:
        at: the criterion at the end.
        start: phi it began with.
        path: phi and criterion of every accepted step.
        evaluations: of the criterion with its derivatives, all starts together.
        starts: number of starts tried.
        rivals: criteria of the other starts' ends.
        converged: gradient and curvature as demanded.
        singular: whether the visits' correlations are singular there.
        options: all that were in force.
        message: one line.
    """

    at: Point
    start: Vector
    path: tuple[tuple[Vector, float], ...]
    evaluations: int
    starts: int
    rivals: tuple[float, ...]
    converged: bool
    singular: bool
    options: Options
    message: str


def given_search(at: Point) -> RepeatedSearch:
    """Of a covariance that was given: nothing was searched."""
    return RepeatedSearch(
        at=at,
        start=at.phi,
        path=(),
        evaluations=1,
        starts=0,
        rivals=(),
        converged=False,
        singular=False,
        options=OPTIONS,
        message="the covariance was given, nothing was optimised",
    )


def search(
    criterion: RepeatedCriterion, start: Vector, others: int = 0, options: Options = OPTIONS
) -> RepeatedSearch:
    """Minimise a criterion over phi.

    Args:
        criterion: what to minimise.
        start: phi (t,) of the first descent.
        others: starts tried besides: phi with random parts, the same in every run. Two are tried
            unasked when the first descent meets a saddle or does not converge.
        options: of every descent.

    Returns:
        The lowest minimum found; ``converged`` is false, with the reason in ``message``, when the
        demanded gradient was not reached.

    Raises:
        NotPositiveError: no start has a positive definite covariance.
    """
    runs = [(start, descend(criterion, start, options))]
    if runs[0][1].saddle or runs[0][1].steep > options.gradient:
        others = max(others, 2)
    draw = np.random.default_rng(19840711)
    for _ in range(others):
        moved = start + draw.normal(scale=0.7, size=len(start))
        try:
            runs.append((moved, descend(criterion, moved, options)))
        except NotPositiveError:
            continue
    best = min(range(len(runs)), key=lambda k: (runs[k][1].at.value, k))
    level = runs[best][1].at.value + options.same
    best = min((k for k, (_, run) in enumerate(runs) if run.at.value <= level), default=best)
    first, run = runs[best]
    curved = float(np.linalg.eigvalsh(_scaled(run.at.hessian))[0])
    converged = run.steep <= options.gradient and curved > -1e-7
    message = run.message
    if not converged:
        message = f"stopped with relative gradient {run.steep:.2g}: {run.message}"
    least = least_correlation(run.at)
    return RepeatedSearch(
        at=run.at,
        start=first,
        path=tuple(run.path),
        evaluations=sum(r.evaluations for _, r in runs),
        starts=len(runs),
        rivals=tuple(r.at.value for k, (_, r) in enumerate(runs) if k != best),
        converged=converged,
        singular=least < SINGULAR or (least < DIVERGING < run.steep),
        options=options,
        message=message,
    )


def least_correlation(at: Point) -> float:
    """Smallest eigenvalue of the visits' correlation matrix."""
    rows = at.L / np.sqrt((at.L * at.L).sum(axis=1))[:, None]
    return float(np.linalg.svd(rows, compute_uv=False)[-1]) ** 2


def descend(criterion: RepeatedCriterion, start: Vector, options: Options) -> Descent:
    """Trust-region Newton from one start."""
    at = criterion.evaluate(start)
    run = Descent(at, [(at.phi, at.value)], 1, False, "")
    radius = options.radius
    for _ in range(options.iterations):
        step, promise, regular = newton_step(at.gradient, at.hessian, radius)
        run.saddle |= not regular
        size = max(1.0, abs(at.value))
        if promise <= options.excess:
            run.message = "converged: the Newton model promises no improvement"
            return run
        length = float(np.sqrt(step @ step))
        try:
            trial = criterion.evaluate(at.phi + step)
            run.evaluations += 1
        except NotPositiveError:
            radius = 0.25 * length
            if radius < 1e-12:
                run.message = "the covariance of the visits became singular"
                return run
            continue
        if promise <= options.noise * size:
            # Below rounding the criterion cannot judge a step; the gradient can.
            if not float(np.abs(trial.gradient).max()) < float(np.abs(at.gradient).max()):
                run.message = "converged: at the rounding of the criterion"
                return run
            quality = 1.0
        else:
            quality = (at.value - trial.value) / promise
        if quality < 0.25:
            radius = 0.25 * length
        elif quality > 0.75 and length > 0.99 * radius:
            radius = min(2.0 * radius, options.largest_radius)
        if quality > 1e-4:
            at = run.at = trial
            run.path.append((at.phi, at.value))
            if least_correlation(at) < SINGULAR:
                run.message = "the covariance of the visits became singular"
                return run
        elif radius < 1e-14 * (1.0 + float(np.abs(at.phi).max())):
            run.message = "no step improves the criterion"
            return run
    run.message = f"no convergence in {options.iterations} Newton steps"
    return run


def newton_step(g: Vector, H: Matrix, radius: float) -> tuple[Vector, float, bool]:
    """Minimiser of the quadratic model within a radius.

    Returns:
        The step, the improvement it promises, and whether H has no negative eigenvalue.
    """
    w, turn = np.linalg.eigh(H)
    top = max(float(np.abs(w).max()), 1e-300)
    c = turn.T @ g
    low = float(w[0])
    regular = low > -1e-9 * top
    s = -c / np.maximum(w, 1e-14 * top)
    if low <= 0.0 or float(np.sqrt(s @ s)) > radius:
        s = _on_sphere(c, w, radius)
    promise = -float(c @ s) - 0.5 * float((w * s) @ s)
    return turn @ s, promise, regular


def _on_sphere(c: Vector, w: Vector, radius: float) -> Vector:
    """The same in the eigenbasis of H, where the step has the length of the radius."""

    def excess(shift: float) -> float:
        s = c / (w + shift)
        return 1.0 / radius - 1.0 / math.sqrt(float(s @ s))

    lower = max(0.0, -float(w[0])) + 1e-12 * float(np.abs(w).max())
    if not c.any() or excess(lower) < 0.0:
        # Nothing pulls along the most negative direction: go there for the rest of the radius.
        s: Vector = np.asarray(-c / (w + lower))
        s[0] += math.copysign(math.sqrt(max(radius**2 - float(s @ s), 0.0)), s[0])
        return s
    upper = lower + float(np.sqrt(c @ c)) / radius
    if excess(upper) > 0.0:
        upper *= 2.0
    shift = float(brentq(excess, lower, upper, rtol=1e-3))
    return np.asarray(-c / (w + shift))


def _scaled(H: Matrix) -> Matrix:
    """A Hessian with unit diagonal, for judging its smallest eigenvalue."""
    size = np.sqrt(np.abs(H.diagonal()))
    size[size == 0.0] = 1.0
    return np.asarray(H / np.outer(size, size))
