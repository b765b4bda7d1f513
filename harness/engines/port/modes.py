"""Conditional modes of the random effects (BLUPs) given the estimates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve

from harness.engines.port.blocked import BlockedProblem
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.solution import Solution
from harness.engines.port.state import across, beside
from harness.engines.port.surface import Surface
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


def conditional_modes(
    design: Design, at: Surface, evaluation: Evaluation, solution: Solution
) -> dict[str, Matrix]:
    """Modes (G, q) of each grouping factor, columns in the order of its terms, data's own units."""
    if isinstance(at, Problem):
        return {design.groupings[0].label: _of_one_factor(at, evaluation, solution)}
    if not isinstance(at, BlockedProblem):
        raise TypeError(f"no conditional modes for a {type(at).__name__}")
    found = {}
    parts = _of_several(at, evaluation.theta, solution.residual)
    for factor, part in zip(at.data.factors, parts, strict=True):
        T = at.data.T[np.ix_(factor.members, factor.members)]
        found[factor.label] = np.asarray(np.linalg.solve(T, part.T).T)
    return {grouping.label: found[grouping.label] for grouping in design.groupings}


def _of_several(at: BlockedProblem, theta: Vector, residual: Vector) -> list[Matrix]:
    """Modes (G_f, q_f) of each factor in the order of the data, standardised basis.

    Args:
        at: the problem.
        theta: where.
        residual: (P,) ``y - X beta`` in the basis W.
    """
    data = at.data
    first, *others = data.factors
    Lambda = data.structure.Lambda(theta)
    left = at.eliminated(Lambda)
    M = across(others, Lambda.T, across(others, Lambda.T, left.A).T)
    M.flat[:: len(M) + 1] += 1.0
    c = across(others, Lambda.T, left.C @ residual[:, None])
    b2 = across(others, Lambda, solve(M, c, assume_a="pos"))
    e = data.c @ residual[:, None] - data.B.times(b2)
    S = (Lambda @ Lambda.T)[np.ix_(first.members, first.members)]
    b1 = S @ (left.K.transpose(0, 2, 1) @ e)
    return [part[:, :, 0] for part in beside(data.factors, (b1, b2))]


def _of_one_factor(at: Problem, evaluation: Evaluation, solution: Solution) -> Matrix:
    """Modes (G, q) in the order of the levels present."""
    data = at.data
    inner = data.structure.Lambda(evaluation.theta)
    root = data.R @ inner
    J = np.linalg.inv(np.eye(data.q) + root @ root.transpose(0, 2, 1))
    pull = data.c @ solution.residual
    weighed = (inner @ root.transpose(0, 2, 1) @ J)[data.pattern]
    modes = np.einsum("gab,gb->ga", weighed, pull)
    return np.asarray(np.linalg.solve(data.T, modes.T).T)
