"""Newton's method in a trust region, with every option stated.

Conn, Gould & Toint (2000), *Trust-Region Methods*, chapter 7; Nocedal & Wright (2006), *Numerical
Optimization*, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import Evaluation, NotPositiveError
from harness.engines.port.structure import Structure
from harness.engines.port.surface import Surface

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Options:
    """Every option of the search.

    Attributes:
        excess: stop when the Newton model promises less than this improvement (deviance units).
        enough: stop, too, when it promises less than this and the gradient is as small as demanded
            below; for criteria whose Hessian is an estimate.
        gradient: largest entry of the gradient at the end, relative to max(1, |criterion|);
            a search that ends above it has not converged.
        noise: rise of the criterion taken for rounding, relative to max(1, |criterion|).
        radius: first trust radius, in theta of the standardised basis.
        largest_radius: and the largest.
        iterations: most Newton steps from one start.
        zero: a diagonal theta (standardised basis) smaller than this is tried at exactly zero.
        same: criteria closer than this are one minimum (deviance units).
        near: a descent ends when its quadratic model promises less than this (deviance units)
            and leads, within a tenth of the promise, to a minimum that an earlier one found.
        doubt: other starts are tried when a variance could be dropped, by the quadratic model at
            the end, for less than this (deviance units), when the search met a saddle, and on
            the boundary.
    """

    excess: float = 1e-21
    enough: float = 0.0
    gradient: float = 1e-9
    noise: float = 2e-14
    radius: float = 2.0
    largest_radius: float = 1e12
    iterations: int = 80
    zero: float = 0.02
    same: float = 1e-9
    near: float = 0.5
    doubt: float = 4.0


DEFAULTS = Options()


@dataclass(slots=True)
class Run:
    """One descent: where it is and what it saw."""

    at: Evaluation
    path: list[tuple[Vector, float]]
    evaluations: int
    saddle: bool
    message: str
    joined: bool = False


def descend(
    problem: Surface,
    start: Vector,
    options: Options,
    known: Sequence[Evaluation] = (),
    first: Evaluation | None = None,
) -> Run:
    """Trust-region Newton from one start, as far as a minimum or the way into one that is known.

    ``first`` is the criterion at the start, where somebody has it already.
    """
    try:
        at = problem.evaluate(start) if first is None else first
    except NotPositiveError:
        at = problem.evaluate(0.1 * problem.data.structure.theta(np.eye(problem.data.structure.q)))
    run = Run(at, [(at.theta, at.value)], 1, False, "")
    radius = options.radius
    for _ in range(options.iterations):
        step, promise, regular = _step(at, radius)
        run.saddle |= not regular
        if promise <= options.excess:
            run.message = "converged: the Newton model promises no improvement"
            return run
        if known and regular and promise <= options.near:
            end = _led_to(problem.data.structure, at, step, promise, known)
            if end is not None:
                run.at, run.joined = end, True
                run.path.append((end.theta, end.value))
                run.message = "converged: on the way into a minimum found before"
                return run
        size = max(1.0, abs(at.value))
        if promise <= options.enough and np.abs(at.gradient).max() <= options.gradient * size:
            run.message = "converged: gradient as demanded, and hardly an improvement promised"
            return run
        try:
            trial = problem.evaluate(at.theta + step)
            run.evaluations += 1
        except NotPositiveError:
            radius = 0.25 * float(np.sqrt(step @ step))
            continue
        drop = at.value - trial.value
        if promise <= options.noise * size:
            # Below rounding the criterion cannot judge a step; the gradient can.
            if not float(np.abs(trial.gradient).max()) < float(np.abs(at.gradient).max()):
                run.message = "converged: at the rounding of the criterion"
                return run
            accept, quality = True, 1.0
        else:
            quality = drop / promise
            accept = quality > 1e-4
        length = float(np.sqrt(step @ step))
        if quality < 0.25:
            radius = 0.25 * length
        elif quality > 0.75 and length > 0.99 * radius:
            radius = min(2.0 * radius, options.largest_radius)
        if accept:
            at = run.at = trial
            run.path.append((at.theta, at.value))
        elif radius < 1e-14 * (1.0 + float(np.abs(at.theta).max())):
            run.message = "no step improves the criterion"
            return run
    run.message = f"no convergence in {options.iterations} Newton steps"
    return run


def _led_to(
    structure: Structure, at: Evaluation, step: Vector, promise: float, known: Sequence[Evaluation]
) -> Evaluation | None:
    """The known minimum that the quadratic model leads to, both its value and its place.

    Minima are known in canonical form; a column of Lambda may be reached with the other sign.
    """
    there = at.theta + step
    sign = np.ones(structure.q)
    sign[structure.rows[structure.diagonal]] = np.where(there[structure.diagonal] < 0.0, -1.0, 1.0)
    for end in known:
        off = there - sign[structure.columns] * end.theta
        apart = 0.5 * float(off @ at.hessian @ off)
        if max(apart, abs(at.value - promise - end.value)) <= 0.1 * promise:
            return end
    return None


def _step(at: Evaluation, radius: float) -> tuple[Vector, float, bool]:
    """Step within the radius, the improvement the quadratic model promises, and regularity.

    The step is Newton's where the Hessian is positive definite and the step fits; otherwise the
    minimiser of the model on the sphere, found in the Hessian's eigenbasis.
    """
    g, H = at.gradient, at.hessian
    if len(g) == 1:
        slope, bend = float(g[0]), float(H[0, 0])
        if bend > 0.0 and abs(slope) <= radius * bend:
            return -g / bend, 0.5 * slope * slope / bend, True
        move = -math.copysign(radius, slope)
        return np.array([move]), -slope * move - 0.5 * bend * move * move, bend > 0.0
    factor, info = lapack.dpotrf(H, lower=1, clean=0)
    if info == 0 and factor.diagonal().min() > 1e-7 * factor.diagonal().max():
        newton, _ = lapack.dpotrs(factor, -g, lower=1)
        if newton @ newton <= radius * radius:
            return newton, -0.5 * float(g @ newton), True
    w, V, _ = lapack.dsyevd(H)
    return _on_sphere(g, w, V, radius)


def _on_sphere(g: Vector, w: Vector, V: Matrix, radius: float) -> tuple[Vector, float, bool]:
    """Minimiser of the quadratic model within a radius, given the Hessian's eigensystem.

    Directions in which the Hessian vanishes to rounding (a singular covariance can be rotated at
    no cost) are left out unless the gradient has something to say there.
    """
    bends = w.tolist()
    top = max(abs(bends[0]), abs(bends[-1]))
    pulls = (V.T @ g).tolist()
    faint = 1e-7 * max(abs(pull) for pull in pulls)
    pulls = [
        0.0 if abs(bend) <= 1e-12 * top and abs(pull) <= faint else pull
        for pull, bend in zip(pulls, bends, strict=True)
    ]
    pairs = list(zip(pulls, bends, strict=True))
    low = bends[0]
    regular = low > -1e-9 * top

    def step_of(shift: float) -> list[float]:
        return [
            -pull / (bend + shift) if pull != 0.0 and bend + shift != 0.0 else 0.0
            for pull, bend in pairs
        ]

    lower = max(0.0, -low)
    s = step_of(lower)
    if not (lower == 0.0 and low > 0.0 and _length(s) <= radius):
        floor = lower + 1e-12 * top
        s = step_of(floor)
        if (length := _length(s)) < radius:
            if not regular:  # hard case: nothing pulls along the most negative direction; go there
                rest = math.sqrt(max(radius * radius - length * length, 0.0))
                s[0] += rest if s[0] >= 0.0 else -rest
        else:
            high = floor + _length(pulls) / radius + 1e-300
            for _ in range(200):
                shift = 0.5 * (floor + high)
                if _length(step_of(shift)) > radius:
                    floor = shift
                else:
                    high = shift
                if high - floor <= 1e-3 * high:
                    break
            s = step_of(high)
    promise = -sum(
        move * (pull + 0.5 * bend * move) for move, (pull, bend) in zip(s, pairs, strict=True)
    )
    return V @ np.array(s), promise, regular


def _length(s: list[float]) -> float:
    """The Euclidean length of a few numbers."""
    return math.sqrt(sum(x * x for x in s))
