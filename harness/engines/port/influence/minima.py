"""The lowest minima of the criteria without each group, settled as the search for all rows does it.

They are found here where they lie in the interior or, with one parameter, at zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port import lattice
from harness.engines.port.boundary import deficient
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.influence.contributions import Contributions
from harness.engines.port.influence.descent import Descents, descend_all
from harness.engines.port.influence.evaluations import Evaluations, constants, evaluate_without
from harness.engines.port.newton import DEFAULTS, Options
from harness.engines.port.starts import SCAN, alternatives

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Minima:
    """The minima of k criteria.

    Attributes:
        theta: (k, t) standardised basis.
        ends: the criteria there.
        settled: (k,) whether it is the lowest minimum known, with the gradient demanded.
    """

    theta: Matrix
    ends: Evaluations
    settled: npt.NDArray[np.bool_]


def find_minima(
    at: Problem, parts: Contributions, groups: Index, full: Evaluation, options: Options = DEFAULTS
) -> Minima:
    """Minimise the criteria without each of some groups (k,).

    Args:
        at: the criterion of all rows.
        parts: the sums without each group.
        groups: which.
        full: the criterion of all rows at its minimum.
        options: of every descent.
    """
    if at.data.structure.t == 1:
        return _one_parameter(at, parts, groups, options)
    return _several(at, parts, groups, full, options)


def _several(
    at: Problem, parts: Contributions, groups: Index, full: Evaluation, options: Options
) -> Minima:
    """From the minimum of all rows; other starts where a variance is poorly told from zero."""
    structure = at.data.structure
    k = len(groups)
    if deficient(at, full) or lattice.fits(at):  # of several minima each search must see all
        ends = evaluate_without(at, parts, groups, np.tile(full.theta, (k, 1)))
        return Minima(np.tile(full.theta, (k, 1)), ends, np.zeros(k, dtype=bool))
    best = descend_all(at, parts, groups, np.tile(full.theta, (k, 1)), options)
    diagonal = structure.diagonal
    settled = best.converged & (np.abs(best.theta[:, diagonal]) >= options.zero).all(axis=1)
    again = np.flatnonzero(settled & (_doubtful(best, diagonal, options) | best.saddle))
    for start in alternatives(structure):
        other = descend_all(at, parts, groups[again], np.tile(start, (len(again), 1)), options)
        lower = np.flatnonzero(other.ends.value < best.ends.value[again] - options.same)
        best.put(again[lower], other, lower)
    inside = (np.abs(best.theta[:, diagonal]) >= options.zero).all(axis=1)
    signs = np.where(best.theta[:, diagonal] < 0.0, -1.0, 1.0)
    theta = best.theta * signs[:, structure.columns]
    return Minima(theta, best.ends, settled & inside & best.converged)


def _doubtful(
    found: Descents, diagonal: npt.NDArray[np.bool_], options: Options
) -> npt.NDArray[np.bool_]:
    """Whether a variance could be dropped for little, by the quadratic model (k,)."""
    hessian = found.ends.hessian.copy()
    hessian[~found.converged] = np.eye(hessian.shape[1])
    spread = np.einsum("kii->ki", np.linalg.inv(hessian))[:, diagonal]
    cost = 0.5 * found.theta[:, diagonal] ** 2 / np.where(spread > 0.0, spread, np.inf)
    return np.asarray((cost < options.doubt).any(axis=1))


def _one_parameter(at: Problem, parts: Contributions, groups: Index, options: Options) -> Minima:
    """From every dip along the scanned line, and at zero where a dip leads there."""
    k = len(groups)
    f = np.stack([_values(at, parts, groups, S) for S in SCAN], axis=1)
    wall = np.full((k, 1), np.inf)
    dips = (f <= np.hstack([wall, f[:, :-1]])) & (f <= np.hstack([f[:, 1:], wall]))
    dips &= np.isfinite(f)
    everywhere = np.sqrt(np.maximum(SCAN[f.argmin(axis=1)], 1e-4))[:, None]
    best = descend_all(at, parts, groups, everywhere, options)
    dips[np.arange(k), f.argmin(axis=1)] = False
    for j, S in enumerate(SCAN):
        rows = np.flatnonzero(dips[:, j])
        if len(rows):
            start = np.full((len(rows), 1), np.sqrt(max(S, 1e-4)))
            other = descend_all(at, parts, groups[rows], start, options)
            old, new = best.ends.value[rows], other.ends.value
            lower = np.flatnonzero((new < old - options.same) | ~best.converged[rows])
            best.put(rows[lower], other, lower)
    theta = np.abs(best.theta)
    small = np.flatnonzero(theta[:, 0] < options.zero)
    converged = best.converged.copy()
    if len(small):
        edge = evaluate_without(at, parts, groups[small], np.zeros((len(small), 1)))
        size = np.maximum(1.0, np.abs(edge.value))
        level = edge.value <= best.ends.value[small] + 1e3 * options.noise * size
        right = level & (edge.S_gradient[:, 0, 0] >= -options.gradient * size)
        place = small[right]
        theta[place] = 0.0
        best.ends.put(place, edge, np.flatnonzero(right))
        converged[place] = True
    return Minima(theta, best.ends, converged)


def _values(at: Problem, parts: Contributions, groups: Index, S: float) -> Vector:
    """Criteria (k,) without each group at one relative variance, random effects of one column."""
    data = at.data
    P = data.p + 1
    K = 1.0 + S * data.R[:, 0, 0] ** 2
    c, own = data.c[groups, 0], data.pattern[groups]
    Omega = parts.within[groups] + ((1.0 / K) @ data.B).reshape(P, P)
    Omega -= c[:, :, None] * c[:, None, :] / K[own][:, None, None]
    d = parts.d[groups]
    sign, minor = np.linalg.slogdet(Omega)
    good = sign > 0
    logdet = float(data.count @ np.log(K)) - np.log(K[own])
    value = constants(at, parts, groups) + logdet + d * minor
    if data.p:
        sign, minor = np.linalg.slogdet(Omega[:, :-1, :-1])
        value += (at.weights[0] - d) * minor
        good &= sign > 0
    return np.where(good, value, np.inf)
