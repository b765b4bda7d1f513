"""What the data tell of each group's random effects, given the covariance parameters.

With theta known, the effects b of all groups have the conditional mean ``S Z'V^-1 (y - X beta)``
and the conditional covariance ``sigma^2 C``, ``C = Lambda (Lambda'Z'Z Lambda + I)^-1 Lambda'``
(Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1), equation 57). One grouping factor
has a C of one block a group. With several, the first factor's effects follow from the others',

    b_1  =  S_1 K'(c r - B b_2) + e,     Var(e) = Lambda_1 (Lambda_1'R'R Lambda_1 + I)^-1 Lambda_1',

and ``H``, the covariance of the others, is what :mod:`harness.engines.port.blocked` solves for.
Everything is a sum of squares: nothing cancels however large S is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from harness.engines.port.blocked import BlockedProblem, solved
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.state import beside
from harness.engines.port.surface import Surface
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class FactorPosterior:
    """One grouping factor's effects in the standardised basis ``Z = Z~ T``, residual SD 1.

    Attributes:
        label: lme4's name.
        members: (q,) positions of its random effects among all.
        T: (q, q) its part of ``T``.
        S: (q, q) covariance of a group of which nothing is known.
        codes: (n,) group of each row.
        means: (G, q, P) conditional means when each column of W were the residual.
        covariance: (G, q, q) conditional covariance; the diagonal blocks of C.
    """

    label: str
    members: Index
    T: Matrix
    S: Matrix
    codes: npt.NDArray[Any]
    means: Matrix
    covariance: Matrix


def posterior(design: Design, at: Surface, evaluation: Evaluation) -> dict[str, FactorPosterior]:
    """Conditional means and covariances by grouping factor, the first of the sums first."""
    if isinstance(at, Problem):
        return {design.groupings[0].label: _of_one_factor(design, at, evaluation)}
    if not isinstance(at, BlockedProblem):
        raise TypeError(f"no conditional covariances for a {type(at).__name__}")
    return _of_several(at, evaluation)


def conditional_root(R: Matrix, Lambda: Matrix) -> Matrix:
    """Roots h (m, q, q) with ``h'h = Lambda (Lambda'R'R Lambda + I)^-1 Lambda'``, R (m, q, q)."""
    root = R @ Lambda
    inner = root.transpose(0, 2, 1) @ root + np.eye(len(Lambda))
    return np.asarray(
        np.linalg.solve(np.linalg.cholesky(inner), np.broadcast_to(Lambda.T, inner.shape))
    )


def squared(half: Matrix) -> Matrix:
    """``h'h`` of each h (m, q, q)."""
    return np.asarray(half.transpose(0, 2, 1) @ half)


def _of_one_factor(design: Design, at: Problem, evaluation: Evaluation) -> FactorPosterior:
    data = at.data
    inner = data.structure.Lambda(evaluation.theta)
    root = data.R @ inner
    J = np.linalg.inv(np.eye(data.q) + root @ root.transpose(0, 2, 1))
    weighed = inner @ root.transpose(0, 2, 1) @ J
    return FactorPosterior(
        label=design.groupings[0].label,
        members=np.arange(data.q),
        T=data.T,
        S=inner @ inner.T,
        codes=design.groupings[0].codes,
        means=weighed[data.pattern] @ data.c,
        covariance=squared(conditional_root(data.R, inner))[data.pattern],
    )


def _of_several(at: BlockedProblem, evaluation: Evaluation) -> dict[str, FactorPosterior]:
    data = at.data
    first = data.factors[0]
    point = solved(at, evaluation.theta)
    S = point.Lambda @ point.Lambda.T
    H = point.state.H
    found = {}
    for f, D in zip(data.factors, beside(data.factors, point.D), strict=True):
        place = np.ix_(f.members, f.members)
        if f is first:
            own = squared(conditional_root(data.R, point.Lambda[place]))[data.pattern]
            C = own + S[place] @ point.state.pulled @ S[place]
        else:
            width = len(f.members)
            blocks = H[f.place, f.place].reshape(f.groups, width, f.groups, width)
            C = blocks[np.arange(f.groups), :, np.arange(f.groups), :]
        found[f.label] = FactorPosterior(
            f.label, f.members, data.T[place], S[place], f.codes, S[place] @ D, C
        )
    return found


def in_data_units(factor: FactorPosterior, sigma: float) -> Matrix:
    """Conditional covariances (G, q, q) of the effects of the data's own columns.

    Args:
        factor: in the standardised basis.
        sigma: residual standard deviation.
    """
    back, _ = lapack.dtrtri(factor.T, lower=0)
    return np.asarray(sigma**2 * (back @ factor.covariance @ back.T))
