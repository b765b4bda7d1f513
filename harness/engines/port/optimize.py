"""Newton's method in a trust region, with every option stated and the boundary understood.

The criterion is a smooth function of theta on the whole space, even in every column of Lambda,
so the bounds ``theta_jj >= 0`` are only a choice of sign and the search needs none of them. A
variance estimated at zero is an ordinary minimum with a zero column. That symmetry makes every
zero column stationary, though, minimum or not: at the boundary the gradient says nothing and the
condition that counts is that the criterion's derivative in the *covariance* is positive
semidefinite there (the Karush-Kuhn-Tucker condition on the cone of covariance matrices). It is
checked, and so are other starts.

Conn, Gould & Toint (2000), *Trust-Region Methods*, chapter 7; Nocedal & Wright (2006), chapter 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import Evaluation, NotPositiveError, Problem, evaluate
from harness.engines.port.starts import SCAN_PATTERNS, alternatives, moment_start, scan
from harness.engines.port.structure import canonical

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Options:
    """Every option of the search.

    Attributes:
        excess: stop when the Newton model promises less than this improvement (deviance units).
        gradient: largest entry of the gradient at the end, relative to max(1, |criterion|);
            a search that ends above it has not converged.
        noise: rise of the criterion taken for rounding, relative to max(1, |criterion|).
        radius: first trust radius, in theta of the standardised basis.
        largest_radius: and the largest.
        iterations: most Newton steps from one start.
        zero: a diagonal theta (standardised basis) smaller than this is tried at exactly zero.
        same: criteria closer than this are one minimum (deviance units).
        doubt: other starts are tried when a variance could be dropped, by the quadratic model at
            the end, for less than this (deviance units), when the search met a saddle, and on
            the boundary.
    """

    excess: float = 1e-17
    gradient: float = 1e-9
    noise: float = 2e-14
    radius: float = 2.0
    largest_radius: float = 1e4
    iterations: int = 80
    zero: float = 0.02
    same: float = 1e-9
    doubt: float = 4.0


DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        at: the criterion at the end, in canonical form (diagonal non-negative).
        start: theta it began with.
        path: theta and criterion of every accepted step.
        evaluations: of the criterion with its derivatives, all starts together.
        starts: number of starts tried.
        rivals: criteria of the other starts' ends.
        converged: gradient and curvature as demanded.
        boundary: whether Lambda is rank deficient.
        kkt: smallest eigenvalue of the criterion's derivative in the relative covariance, within
            the terms' blocks; not below zero (to rounding) at a minimum.
        options: all that were in force.
        message: one line.
    """

    at: Evaluation
    start: Vector
    path: tuple[tuple[Vector, float], ...]
    evaluations: int
    starts: int
    rivals: tuple[float, ...]
    converged: bool
    boundary: bool
    kkt: float
    options: Options
    message: str


@dataclass(slots=True)
class _Run:
    """One descent: where it is and what it saw."""

    at: Evaluation
    path: list[tuple[Vector, float]]
    evaluations: int
    saddle: bool
    message: str


def optimise(at: Problem, options: Options = DEFAULTS) -> Search:
    """Minimise a criterion over theta.

    Returns:
        The lowest minimum found; ``converged`` is false, with the reason in ``message``, when
        the demanded gradient was not reached.
    """
    structure = at.data.structure
    first = moment_start(at)
    queue = [first]
    if structure.t == 1 and len(at.data.R) <= SCAN_PATTERNS:
        queue = scan(at, first)
    runs: list[tuple[Vector, _Run]] = []
    extended = structure.t == 1
    while queue:
        start = queue.pop(0)
        run = _descend(at, start, options)
        if structure.t > structure.q and not _flat(run.at, options):
            run = _reordered(at, run, options)
        run = _settle(at, run, options)
        runs.append((start, run))
        if not extended and (run.saddle or _doubtful(at, run.at, options)):
            extended = True
            queue += alternatives(structure)
    best = min(range(len(runs)), key=lambda k: runs[k][1].at.value)
    for k, (_, run) in enumerate(runs):
        if run.at.value <= runs[best][1].at.value + options.same:
            best = k
            break
    start, run = runs[best]
    boundary = _deficient(at, run.at)
    kkt = _kkt(at, run.at) if boundary else 0.0
    size = max(1.0, abs(run.at.value))
    steep = float(np.abs(run.at.gradient).max()) / size
    converged = steep <= options.gradient and kkt >= -options.gradient * size
    message = run.message
    if not converged:
        message = f"stopped with relative gradient {steep:.2g}: {run.message}"
    return Search(
        at=run.at,
        start=start,
        path=tuple(run.path),
        evaluations=sum(r.evaluations for _, r in runs),
        starts=len(runs),
        rivals=tuple(r.at.value for k, (_, r) in enumerate(runs) if k != best),
        converged=converged,
        boundary=boundary,
        kkt=kkt,
        options=options,
        message=message,
    )


def _descend(problem: Problem, start: Vector, options: Options) -> _Run:
    """Trust-region Newton from one start."""
    try:
        at = evaluate(problem, start)
    except NotPositiveError:
        at = evaluate(problem, 0.1 * problem.data.structure.theta(np.eye(problem.data.q)))
    run = _Run(at, [(at.theta, at.value)], 1, False, "")
    radius = options.radius
    for _ in range(options.iterations):
        step, promise, regular = _step(at, radius)
        run.saddle |= not regular
        if promise <= options.excess:
            run.message = "converged: the Newton model promises no improvement"
            return run
        size = max(1.0, abs(at.value))
        try:
            trial = evaluate(problem, at.theta + step)
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
    w, V = np.linalg.eigh(H)
    return _on_sphere(g, w, V, radius)


def _on_sphere(g: Vector, w: Vector, V: Matrix, radius: float) -> tuple[Vector, float, bool]:
    """Minimiser of the quadratic model within a radius, given the Hessian's eigensystem.

    Directions in which the Hessian vanishes to rounding (a singular covariance can be rotated at
    no cost) are left out unless the gradient has something to say there.
    """
    top = float(np.abs(w).max())
    flat = np.abs(w) <= 1e-12 * top
    c = V.T @ g
    regular = bool((w > -1e-9 * top).all())
    c = np.where(flat & (np.abs(c) <= 1e-7 * np.abs(c).max()), 0.0, c)
    low = float(w[0])

    def step_of(shift: float) -> Vector:
        bent = w + shift
        return -np.divide(c, bent, out=np.zeros_like(c), where=(c != 0.0) & (bent != 0.0))

    lower = max(0.0, -low)
    s = step_of(lower)
    if lower == 0.0 and low > 0.0 and math.sqrt(float(s @ s)) <= radius:
        shift = 0.0
    else:
        floor = lower + 1e-12 * top
        s = step_of(floor)
        if math.sqrt(float(s @ s)) < radius:
            if regular:
                shift = floor
            else:  # hard case: nothing pulls along the most negative direction; go there
                rest = math.sqrt(max(radius * radius - float(s @ s), 0.0))
                s = s.copy()
                s[0] += rest if s[0] >= 0.0 else -rest
                shift = math.nan
        else:
            high = floor + float(np.sqrt(c @ c)) / radius + 1e-300
            for _ in range(200):
                shift = 0.5 * (floor + high)
                s = step_of(shift)
                if math.sqrt(float(s @ s)) > radius:
                    floor = shift
                else:
                    high = shift
                if high - floor <= 1e-3 * high:
                    break
            s = step_of(high)
    promise = -float(c @ s) - 0.5 * float((w * s) @ s)
    return V @ s, promise, regular


def _deficient(problem: Problem, at: Evaluation) -> bool:
    """Whether a diagonal theta is exactly zero."""
    return bool((at.theta[problem.data.structure.diagonal] == 0.0).any())


def _doubtful(problem: Problem, at: Evaluation, options: Options) -> bool:
    """Whether another minimum may lie near: a variance that is zero or poorly told from zero."""
    if _deficient(problem, at):
        return True
    try:
        spread = np.linalg.inv(at.hessian).diagonal()
    except np.linalg.LinAlgError:
        return True
    diagonal = problem.data.structure.diagonal
    cost = 0.5 * at.theta[diagonal] ** 2 / np.where(spread > 0.0, spread, np.inf)[diagonal]
    return bool((cost < options.doubt).any())


def _flat(at: Evaluation, options: Options) -> bool:
    """Whether the gradient is as small as demanded."""
    return bool(np.abs(at.gradient).max() <= options.gradient * max(1.0, abs(at.value)))


def _reordered(problem: Problem, run: _Run, options: Options) -> _Run:
    """Go on with the random effects of each term in order of their variance.

    A first effect with almost no variance makes the triangular factor of its term nearly
    undetermined, a rotation of all later columns, although the covariance is not. The order
    of the effects is ours to choose; the end is turned back into the given order.
    """
    structure = problem.data.structure
    order = np.arange(structure.q)
    Lambda = structure.Lambda(run.at.theta)
    for span in structure.spans():
        rest = Lambda[span, span].copy()
        picked: list[int] = []
        for _ in range(len(rest)):
            lengths = (rest * rest).sum(axis=1)
            lengths[picked] = -1.0
            picked.append(int(lengths.argmax()))
            length = math.sqrt(max(float(lengths.max()), 0.0))
            if length > 0.0:
                unit = rest[picked[-1]] / length
                rest -= np.outer(rest @ unit, unit)
        order[span] = span.start + np.array(picked)
    data = replace(problem.data, R=np.ascontiguousarray(problem.data.R[:, :, order]))
    turned = canonical(structure, Lambda[order][:, order])
    further = _descend(replace(problem, data=data), structure.theta(turned), options)
    back = np.empty_like(turned)
    back[order[:, None], order] = structure.Lambda(further.at.theta)
    run.evaluations += further.evaluations
    run.message = further.message
    _move(problem, run, canonical(structure, back))
    run.path.append((run.at.theta, run.at.value))
    return run


def _settle(problem: Problem, run: _Run, options: Options) -> _Run:
    """Bring the end into canonical form, and small variances to exactly zero where that is right.

    Exactly zero is right when the criterion there is no higher, rounding apart, and satisfies the
    Karush-Kuhn-Tucker condition.
    """
    structure = problem.data.structure
    Lambda = structure.Lambda(run.at.theta)
    diagonal = np.diag(Lambda)
    small = np.flatnonzero(np.abs(diagonal) < options.zero)
    if not len(small):
        if (diagonal < 0.0).any():
            _move(problem, run, Lambda * np.where(diagonal < 0.0, -1.0, 1.0))
        return run
    dropped = Lambda.copy()
    for j in small:
        dropped[j, j] = 0.0
        if (np.abs(Lambda[j]) < options.zero).all():
            dropped[j] = 0.0  # the variance itself is small, not only what its predecessors leave
    dropped = canonical(structure, dropped)
    edge = _descend(problem, structure.theta(dropped), options)
    run.evaluations += edge.evaluations
    exact = canonical(structure, structure.Lambda(edge.at.theta))
    exact[:, np.abs(np.diag(exact)) < 1e-9] = 0.0
    at = evaluate(problem, structure.theta(exact))
    run.evaluations += 1
    size = max(1.0, abs(at.value))
    no_higher = at.value <= run.at.value + 1e3 * options.noise * size
    if no_higher and _deficient(problem, at) and _kkt(problem, at) >= -options.gradient * size:
        run.at = at
        run.path.append((at.theta, at.value))
        run.message = edge.message
    else:
        _move(problem, run, canonical(structure, Lambda))
    return run


def _move(problem: Problem, run: _Run, Lambda: Matrix) -> None:
    """Re-evaluate at another spelling of the same covariance."""
    run.at = evaluate(problem, problem.data.structure.theta(Lambda))
    run.evaluations += 1


def _kkt(problem: Problem, at: Evaluation) -> float:
    """Smallest eigenvalue of the derivative in the covariance, over the terms' blocks."""
    G = at.S_gradient
    return min(
        float(np.linalg.eigvalsh(G[span, span])[0]) for span in problem.data.structure.spans()
    )
