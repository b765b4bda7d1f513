"""What each group contributes to the sums of a model with one grouping factor.

``within = sum_g E_g`` with ``E_g = W_g'W_g - c_g'c_g``, what the group's own random-effects columns
do not explain, and the outer products of ``c_g`` make all sums of
:mod:`harness.engines.port.crossproducts`. The sums without one group are made of the others' parts,
never as a difference from the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import Problem, problem
from harness.engines.port.groups import group_sums, standardise_columns
from harness.engines.port.patterns import outer_sums, own_slopes
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Contributions:
    """The sums with each group left out.

    Attributes:
        sizes: (G,) rows of each group.
        d: (G,) residual degrees of freedom of the criterion without each group.
        log_weights: (G,) sum of the logs of the prior weights without each group.
        within: (G, P, P) ``within`` without each group.
        X: (G, p, p) ``W_X'W_X`` without each group.
        Z: (G, q, q) ``Z~'Z~`` without each group.
        whole_x: (p, p) of all groups.
        whole_z: (q, q) of all groups.
    """

    sizes: npt.NDArray[np.intp]
    d: Vector
    log_weights: Vector
    within: Matrix
    X: Matrix
    Z: Matrix
    whole_x: Matrix
    whole_z: Matrix


def contributions(design: Design, at: Problem) -> Contributions:
    """Sum the rows of a design without each group in turn."""
    data, grouping = at.data, design.groupings[0]
    Q = design.factor.Q
    if Q is not None and data.F is design.factor.R:
        W = Q.copy()
    else:
        W = np.ascontiguousarray(np.linalg.solve(data.F.T, design.XY.T).T)
    p, nothing = data.p, np.empty((len(W), 0))
    whole, _ = group_sums([W[:, j] for j in range(p + 1)], nothing, grouping)
    x = whole[:, :p, :p]
    if data.careful:
        Z, _ = standardise_columns(design.working_random)
        b = own_slopes(data.R, data.c, data.pattern)
        for a, column in enumerate(Z):
            W -= column[:, None] * b[grouping.codes, a]
        own, _ = group_sums([W[:, j] for j in range(p + 1)], nothing, grouping)
    else:
        # Where a group's columns are nearly collinear, this part takes up the error of its c_g.
        own = whole - data.c.swapaxes(1, 2) @ data.c
    z = (data.R.transpose(0, 2, 1) @ data.R)[data.pattern]
    return Contributions(
        sizes=grouping.sizes,
        d=np.asarray(at.d - grouping.sizes, dtype=np.float64),
        log_weights=_log_weights(design, len(z)),
        within=all_but_one(own),
        X=all_but_one(x),
        Z=all_but_one(z),
        whole_x=x.sum(axis=0),
        whole_z=z.sum(axis=0),
    )


def _log_weights(design: Design, G: int) -> Vector:
    """Sums (G,) of the logs of the prior weights without each group; 0 without weights."""
    if design.weights is None:
        return np.zeros(G)
    own = np.bincount(design.groupings[0].codes, weights=np.log(design.weights), minlength=G)
    return all_but_one(np.asarray(own, dtype=np.float64))


def all_but_one(parts: Matrix) -> Matrix:
    """Sums of all parts (G, ...) but one, for each; by sums from both ends, never a difference."""
    result = np.zeros_like(parts)
    result[1:] = np.cumsum(parts[:-1], axis=0)
    result[:-1] += np.cumsum(parts[:0:-1], axis=0)[::-1]
    return result


def problem_without(at: Problem, parts: Contributions, g: int) -> Problem:
    """The criterion of the data without group g, in the basis of all data."""
    data = at.data
    k = int(data.pattern[g])
    kept = np.arange(len(data.pattern)) != g
    count = data.count.copy()
    count[k] -= 1.0
    q, P = data.q, data.p + 1
    B = data.B.reshape(len(count), -1)
    pattern = data.pattern[kept]
    if count[k]:
        B = B.copy()
        members = data.c[kept & (data.pattern == k)]
        B[k] = outer_sums(members, np.zeros(len(members), dtype=np.intp), count[k : k + 1]).ravel()
        R = data.R
    else:
        alive = np.arange(len(count)) != k
        B, R, count = B[alive], data.R[alive], count[alive]
        pattern = pattern - (pattern > k)
    without = replace(
        data,
        n_obs=data.n_obs - int(parts.sizes[g]),
        R=R,
        count=count,
        pooled=B.reshape(len(count) * q * q, P * P),
        within=parts.within[g],
        c=data.c[kept],
        pattern=pattern,
        log_weights=float(parts.log_weights[g]),
    )
    return problem(without, at.reml)
