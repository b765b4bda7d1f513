"""Zero variances and perfect correlations: what is true at the boundary of the parameters.

The criterion is a smooth function of theta on the whole space, even in every column of Lambda,
so the bounds ``theta_jj >= 0`` are only a choice of sign and the search needs none of them. A
variance estimated at zero is an ordinary minimum with a zero column. That symmetry makes every
zero column stationary, though, minimum or not: at the boundary the gradient says nothing and the
condition that counts is that the criterion's derivative in the *covariance* is positive
semidefinite there (the Karush-Kuhn-Tucker condition on the cone of covariance matrices).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.criterion import FLAT, Evaluation
from harness.engines.port.newton import Options, Run, descend
from harness.engines.port.structure import canonical
from harness.engines.port.surface import Surface

Matrix = npt.NDArray[np.float64]


def deficient(problem: Surface, at: Evaluation) -> bool:
    """Whether a diagonal theta is exactly zero."""
    return bool((at.theta[problem.data.structure.diagonal] == 0.0).any())


def doubtful(problem: Surface, at: Evaluation, options: Options) -> bool:
    """Whether another minimum may lie near: a variance that is zero or poorly told from zero."""
    if deficient(problem, at):
        return True
    diagonal = problem.data.structure.diagonal
    L, info = lapack.dpotrf(at.hessian, lower=1, clean=0)
    if info == 0:
        spread = lapack.dpotri(L, lower=1)[0].diagonal()
    else:
        try:
            spread = np.linalg.inv(at.hessian).diagonal()
        except np.linalg.LinAlgError:
            return True
    cost = 0.5 * at.theta[diagonal] ** 2 / np.where(spread > 0.0, spread, np.inf)[diagonal]
    return bool((cost < options.doubt).any())


def flat(at: Evaluation, options: Options) -> bool:
    """Whether the gradient is as small as demanded."""
    return bool(np.abs(at.gradient).max() <= options.gradient * max(1.0, abs(at.value)))


def reordered(problem: Surface, run: Run, options: Options) -> Run:
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
    turned = canonical(structure, Lambda[order][:, order])
    further = descend(problem.permuted(order), structure.theta(turned), options)
    back = np.empty_like(turned)
    back[order[:, None], order] = structure.Lambda(further.at.theta)
    run.evaluations += further.evaluations
    run.message = further.message
    _move(problem, run, canonical(structure, back))
    run.path.append((run.at.theta, run.at.value))
    return run


def settle(problem: Surface, run: Run, options: Options) -> Run:
    """Bring the end into canonical form, and small variances to exactly zero where that is right.

    Exactly zero is right when the criterion there is no higher, rounding apart, and satisfies the
    Karush-Kuhn-Tucker condition.
    """
    structure = problem.data.structure
    if float(run.at.theta[structure.diagonal].min()) >= options.zero:
        return run  # inside, and spelt as it should be
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
    edge = descend(problem, structure.theta(dropped), options)
    run.evaluations += edge.evaluations
    exact = canonical(structure, structure.Lambda(edge.at.theta))
    exact[:, np.abs(np.diag(exact)) < 1e-9] = 0.0
    at = problem.evaluate(structure.theta(exact))
    run.evaluations += 1
    size = max(1.0, abs(at.value))
    no_higher = at.value <= run.at.value + 1e3 * options.noise * size
    if no_higher and deficient(problem, at) and kkt(problem, at) >= -options.gradient * size:
        run.at = at
        run.path.append((at.theta, at.value))
        run.message = edge.message
    else:
        _move(problem, run, canonical(structure, Lambda))
    return run


def _move(problem: Surface, run: Run, Lambda: Matrix) -> None:
    """Re-evaluate at another spelling of the same covariance."""
    run.at = problem.evaluate(problem.data.structure.theta(Lambda))
    run.evaluations += 1


def kkt(problem: Surface, at: Evaluation) -> float:
    """Smallest eigenvalue of the derivative in the covariance, over the terms' blocks."""
    G = at.S_gradient
    return min(
        float(np.linalg.eigvalsh(G[span, span])[0]) for span in problem.data.structure.spans()
    )


def undetermined(at: Surface, end: Evaluation) -> int:
    """Directions of theta, zero columns apart, in which the criterion is flat to rounding."""
    structure = at.data.structure
    if structure.t == 1:
        return 0
    zero = structure.columns[structure.diagonal & (end.theta == 0.0)]
    free = ~np.isin(structure.columns, zero)
    w = np.linalg.eigvalsh(end.hessian[np.ix_(free, free)])
    return int((w <= FLAT * w[-1]).sum()) if len(w) else 0
