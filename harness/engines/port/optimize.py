"""The search for the minimum of the criterion: starts, descents, and what is checked at the end.

The boundary is verified, not trusted (:mod:`harness.engines.port.boundary`), and other starts are
tried where the surface asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port import lattice
from harness.engines.port.boundary import deficient, doubtful, flat, kkt, reordered, settle
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.newton import DEFAULTS, Options, Run, descend
from harness.engines.port.starts import SCAN_PATTERNS, alternatives, beside, moment_start, scan
from harness.engines.port.surface import Surface

Vector = npt.NDArray[np.float64]


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


def optimise(at: Problem, options: Options = DEFAULTS) -> Search:
    """Minimise a criterion over theta.

    Returns:
        The lowest minimum found; ``converged`` is false, with the reason in ``message``, when
        the demanded gradient was not reached.
    """
    first = moment_start(at)
    queue = [first]
    if at.data.structure.t == 1 and len(at.data.R) <= SCAN_PATTERNS:
        queue = scan(at, first)
    elif lattice.fits(at):
        queue += lattice.dips(at, first)
    return search(at, queue, options)


def search(
    at: Surface,
    queue: list[Vector],
    options: Options = DEFAULTS,
    others: Callable[[Evaluation], list[Vector]] | None = None,
) -> Search:
    """Minimise a criterion from given starts, and from others where the surface asks for them.

    Args:
        at: the criterion.
        queue: the first starts.
        options: of every descent.
        others: where else to begin when a first minimum leaves doubt whether it is the lowest;
            by default :func:`..starts.alternatives`.

    Returns:
        As :func:`optimise`.
    """
    structure = at.data.structure
    queue = list(queue)
    runs: list[tuple[Vector, Run]] = []
    known: list[Evaluation] = []
    extended = structure.t == 1
    while queue:
        start = queue.pop(0)
        run = descend(at, start, options, known)
        if not run.joined:
            if structure.t > structure.q and not flat(run.at, options):
                run = reordered(at, run, options)
            run = settle(at, run, options)
            if flat(run.at, options):
                known.append(run.at)
        runs.append((start, run))
        if not extended and (run.saddle or doubtful(at, run.at, options)):
            extended = True
            queue += alternatives(structure) if others is None else others(run.at)
            queue += beside(structure, run.at.theta) if structure.t < 10 else []
    lowest = min(run.at.value for _, run in runs)
    level = [k for k, (_, run) in enumerate(runs) if run.at.value <= lowest + options.same]
    best = next((k for k in level if flat(runs[k][1].at, options)), level[0])
    start, run = runs[best]
    boundary = deficient(at, run.at)
    least = kkt(at, run.at) if boundary else 0.0
    size = max(1.0, abs(run.at.value))
    steep = float(np.abs(run.at.gradient).max()) / size
    converged = steep <= options.gradient and least >= -options.gradient * size
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
        kkt=least,
        options=options,
        message=message,
    )
