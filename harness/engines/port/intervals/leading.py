"""A model's criterion spelt so that chosen random effects lead their term.

With the effects of a term in the order (i, j, ...) in the lower triangular Lambda, the variance of
effect i is one entry of Lambda and the correlation of i and j is a matter of two. The standardised
basis ``Z = Z~ T`` has T upper triangular, so the effect that is last in Z is a multiple of its
counterpart of ``Z~`` alone: Z is ordered (..., j, i), and the effects of ``Z~`` then taken from the
end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.engines.port.blocked import BlockedProblem
from harness.engines.port.criterion import Problem, fixed_parts
from harness.engines.port.crossproducts import CrossProducts
from harness.engines.port.factors import FactorSums
from harness.engines.port.problems import refined_surface, surface, worth_refining
from harness.engines.port.structure import canonical
from harness.engines.port.surface import Surface
from harness.models.design import Design

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leading:
    """A criterion in which the effects asked for come first in their term.

    Attributes:
        at: the criterion.
        theta: (t,) the theta given, in its spelling.
        place: position among all effects of the first effect of the term.
        scale: the first effect of Z is ``1 / scale`` times the first of ``Z~``.
        shear: the second effect of Z is, up to a factor, the second of ``Z~`` less ``shear`` times
            the first; 0 for a term with one effect.
    """

    at: Surface
    theta: Vector
    place: int
    scale: float
    shear: float


def leading(
    at: Surface, design: Design, theta: Vector, term: int, effects: tuple[int, ...]
) -> Leading:
    """Let effects lead.

    Args:
        at: a criterion.
        design: its design.
        theta: (t,) in the basis of ``at``.
        term: which random term.
        effects: one or two of its effects.
    """
    structure = at.data.structure
    span = structure.spans()[term]
    size = span.stop - span.start
    rest = [k for k in range(size) if k not in effects]
    order = [*rest, *reversed(effects)]
    turned, T = _triangular(at.data.T[span, span][:, order])
    turn = np.eye(structure.q)
    turn[span, span] = turned
    back = np.arange(structure.q)
    last_first = [*reversed(range(len(rest), size)), *range(len(rest))]
    back[span] = span.start + np.array(last_first)
    Lambda = (turn.T @ structure.Lambda(theta))[back]
    inner = structure.theta(canonical(structure, Lambda))
    scale = float(T[-1, -1])
    if size == 1:
        return Leading(at, inner, span.start, scale, 0.0)
    shear = float(T[-2, -1]) / scale if len(effects) > 1 else 0.0
    made = _turned(at, design, term, order, turn, back, theta)
    return Leading(made, inner, span.start, scale, shear)


def _turned(
    at: Surface,
    design: Design,
    term: int,
    order: list[int],
    turn: Matrix,
    back: npt.NDArray[np.intp],
    theta: Vector,
) -> Surface:
    """The criterion in the turned basis: by algebra with one factor, summed again with several."""
    if isinstance(at, Problem):
        R = np.ascontiguousarray((at.data.R @ turn)[:, :, back])
        return replace(at, data=replace(at.data, R=R))
    random = list(design.random)
    old = random[term]
    random[term] = replace(
        old,
        names=tuple(old.names[k] for k in order),
        columns=tuple(old.columns[k] for k in order),
    )
    reordered = replace(design, random=tuple(random))
    made = surface(reordered)
    structure = at.data.structure
    inner = canonical(structure, turn.T @ structure.Lambda(theta))
    found = made.evaluate(structure.theta(inner))
    if worth_refining(made, found):
        made = refined_surface(made, reordered, found)
    return made.permuted(back)


def _triangular(T: Matrix) -> tuple[Matrix, Matrix]:
    """Orthogonal and upper triangular factor, the latter with a positive diagonal."""
    turned, upper = np.linalg.qr(T)
    sign = np.where(upper.diagonal() < 0.0, -1.0, 1.0)
    return turned * sign, sign[:, None] * upper


def without_coefficient(at: Surface, number: int, value: float) -> Surface:
    """The ML criterion with one coefficient held: its column times the value is an offset.

    The basis W of ``[X y]`` is W F; that of the remaining columns and ``y - x_j b`` is a linear
    image of it, so the sums are, too, and no row is read.
    """
    data = at.data
    if not isinstance(data, CrossProducts | FactorSums):
        raise TypeError(f"no offset for a {type(at).__name__}")
    F = data.F
    P = len(F)
    columns = [k for k in range(P) if k != number]
    left = F[:, columns].copy()
    left[:, -1] -= value * F[:, number]
    turn, upper = np.linalg.qr(left)
    d, weights, pairs, constant = fixed_parts(
        data.n_obs, upper, reml=False, log_weights=data.log_weights
    )
    if isinstance(data, CrossProducts):
        B = data.B.reshape(-1, P, P)
        turned = turn.T @ B @ turn
        moved = replace(
            data,
            p=P - 2,
            F=upper,
            pooled=np.ascontiguousarray(turned.reshape(len(B), -1)),
            within=turn.T @ data.within @ turn,
            c=data.c @ turn,
        )
        return Problem(moved, False, d, weights, pairs, constant)
    sums = replace(
        data,
        p=P - 2,
        F=upper,
        c=data.c @ turn,
        within=turn.T @ data.within @ turn,
        within_zw=data.within_zw @ turn,
        W=data.W @ turn,
    )
    return BlockedProblem(sums, False, d, weights, pairs, constant)
