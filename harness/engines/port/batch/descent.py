"""Newton's method on all replicates at once, each with a trust region of its own.

The rules are those of :mod:`harness.engines.port.newton`, replicate by replicate. Only plain
descents are made here: a replicate that meets a saddle, the boundary, or a second minimum is left
to the ordinary search, which verifies such ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port import lattice
from harness.engines.port.batch.evaluation import (
    Evaluations,
    evaluate_all,
    values_of,
    values_on_line,
)
from harness.engines.port.batch.sums import Replicates
from harness.engines.port.newton import Options
from harness.engines.port.starts import SCAN

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LOSES_DIGITS = 10.0
"""Entry of ``Rho^-1`` above which the ordinary search would sum again in a better basis."""


@dataclass(slots=True)
class Descents:
    """Where the replicates ended.

    Attributes:
        at: the criteria there.
        plain: (R,) replicates whose end is a minimum beyond doubt; the others need the ordinary
            search.
    """

    at: Evaluations
    plain: Mask


def minimise_all(data: Replicates, near: Vector, options: Options) -> Descents:
    """Minimise every replicate's criterion.

    Args:
        data: the sums.
        near: theta (t,), standardised, near which minima are likely.
        options: of the search.
    """
    structure = data.shared.structure
    if structure.t == 1:
        start, single = _line_starts(data, near)
    else:
        start = np.repeat(near[None], len(data.index), axis=0)
        single = np.ones(len(data.index), dtype=np.bool_)
    ends = _descend(data, start, options)
    at = ends.at
    size = np.maximum(1.0, np.abs(at.value))
    ends.plain &= single & (np.abs(at.gradient).max(axis=1) <= options.gradient * size)
    ends.plain &= np.abs(np.einsum("rii->ri", at.Rho_inverse)).max(axis=1) <= LOSES_DIGITS
    if structure.t == 1:
        ends.plain &= (at.theta[:, 0] == 0.0) | (np.abs(at.theta[:, 0]) >= options.zero)
    else:
        ends.plain &= ~_droppable(data, at, options)
        if lattice.fits(data.shared.at):
            f = values_of(data, lattice.factors_of(structure))
            others = lattice.elsewhere(structure, f, at.theta)
            ends.plain &= np.array([not dips for dips in others])
    return ends


def _line_starts(data: Replicates, near: Vector) -> tuple[Matrix, Mask]:
    """Theta (R, 1) at the dip of each replicate's criterion along a line; whether it has one dip.

    A criterion that rises from zero on gets zero itself.
    """
    S = np.sort(np.append(SCAN, near[0] ** 2))
    S = S[np.append(True, np.diff(S) > 0.0)]
    f = values_on_line(data, S)
    wall = np.full((1, f.shape[1]), np.inf)
    dips = (f <= np.vstack([wall, f[:-1]])) & (f <= np.vstack([f[1:], wall])) & np.isfinite(f)
    lowest = f.argmin(axis=0)
    start = np.sqrt(np.maximum(S[lowest], 1e-4))
    edge = np.flatnonzero(lowest == 0)
    if len(edge):
        at_zero = evaluate_all(data.take(edge), np.zeros((len(edge), 1)))
        start[edge[at_zero.S_gradient[:, 0, 0] >= 0.0]] = 0.0
    return start[:, None], dips.sum(axis=0) == 1


def _droppable(data: Replicates, at: Evaluations, options: Options) -> Mask:
    """Replicates with a variance at zero or poorly told from zero, as the ordinary search asks."""
    diagonal = data.shared.structure.diagonal
    w = np.linalg.eigvalsh(at.hessian)
    regular = w[:, 0] > 1e-7 * w[:, -1]
    hessian = np.where(regular[:, None, None], at.hessian, np.eye(at.hessian.shape[1]))
    spread = np.einsum("rii->ri", np.linalg.inv(hessian))[:, diagonal]
    cost = 0.5 * at.theta[:, diagonal] ** 2 / spread
    return np.asarray(~regular | (cost < options.doubt).any(axis=1))


def _descend(data: Replicates, start: Matrix, options: Options) -> Descents:
    """Trust-region Newton of every replicate from its start (R, t)."""
    at = evaluate_all(data, start)
    plain = np.isfinite(at.value)
    active = np.flatnonzero(plain)
    radius = np.full(len(start), options.radius)
    part, now = data, at
    if len(active) < len(start):
        part, now = data.take(active), at.take(active)
    for _ in range(options.iterations):
        step, promise, regular = _steps(now, radius[active])
        plain[active[~regular]] = False
        going = regular & (promise > options.excess)
        if not going.any():
            break
        if not going.all():
            active, step, promise = active[going], step[going], promise[going]
            part, now = part.take(going), now.take(going)
        trial = evaluate_all(part, now.theta + step)
        size = np.maximum(1.0, np.abs(now.value))
        judged = promise > options.noise * size
        quality = np.where(judged, (now.value - trial.value) / promise, 1.0)
        # Below rounding the criterion cannot judge a step; the gradient can.
        smaller = np.abs(trial.gradient).max(axis=1) < np.abs(now.gradient).max(axis=1)
        accept = np.where(judged, quality > 1e-4, smaller & np.isfinite(trial.value))
        length = np.sqrt((step * step).sum(axis=1))
        wide = (quality > 0.75) & (length > 0.99 * radius[active])
        radius[active] = np.where(
            quality < 0.25, 0.25 * length, np.where(wide, 2.0 * radius[active], radius[active])
        )
        if accept.all():
            now = trial
            at.put(active, trial)
            continue
        now.put(accept, trial.take(accept))
        at.put(active[accept], trial.take(accept))
        on = judged | accept
        if not on.all():
            active, part, now = active[on], part.take(on), now.take(on)
            if not len(active):
                break
    else:
        plain[active] = False
    return Descents(at, plain)


def _steps(at: Evaluations, radius: Vector) -> tuple[Matrix, Vector, Mask]:
    """Newton's steps, shortened to the radius; what the model promises; where it is convex.

    With one parameter a concave place is left by a step of full radius, as in the ordinary search;
    with several, such replicates are not regular. At a zero column nothing moves.
    """
    g, H = at.gradient, at.hessian
    if g.shape[1] == 1:
        slope, bend = g[:, 0], H[:, 0, 0]
        convex = bend > 0.0
        newton = -slope / np.where(convex, bend, 1.0)
        inside = convex & (np.abs(newton) <= radius)
        move = np.where(inside, newton, -np.copysign(radius, slope))
        move[slope == 0.0] = 0.0
        promise = -slope * move - 0.5 * bend * move * move
        return move[:, None], promise, np.ones(len(g), dtype=np.bool_)
    w, V = np.linalg.eigh(H)
    regular = w[:, 0] > 1e-7 * w[:, -1]
    turned = (V.transpose(0, 2, 1) @ g[:, :, None])[:, :, 0]
    turned /= np.where(regular[:, None], w, 1.0)
    step = -(V @ turned[:, :, None])[:, :, 0]
    length = np.sqrt((step * step).sum(axis=1))
    step *= np.minimum(1.0, radius / np.maximum(length, 1e-300))[:, None]
    bent = (H @ step[:, :, None])[:, :, 0]
    promise = -(g * step).sum(axis=1) - 0.5 * (bent * step).sum(axis=1)
    return step, promise, regular
