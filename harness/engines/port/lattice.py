"""A look at the whole surface of a small model with a few random effects of one factor.

Few groups of unlike design, or rows of unlike weight, can give the criterion several minima, each
far inside and none in doubt when seen from itself. So the criterion is evaluated, in one batch, at
standard deviations a factor of three apart and at three correlations of each pair, and every dip
is a start. Where all groups have one design, or where there are many, one minimum is the rule and
nothing is looked at.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import Problem, values
from harness.engines.port.structure import Structure

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

SIZES = (np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]), np.array([0.0, 0.3, 2.0, 15.0]))
"""Standard deviations looked at, in the standardised basis, of two effects and of three."""

CORRELATIONS = np.array([-0.98, 0.0, 0.98])
"""Correlations looked at, where a term has two effects."""

GROUPS = 60
"""Most groups for which it is looked; with more, the criterion is near its quadratic limit."""

WORK = 200_000
"""Most numbers that the lattice times the patterns may take."""


def fits(at: Problem) -> bool:
    """Whether a criterion can be looked at on the lattice."""
    data, structure = at.data, at.data.structure
    if structure.t == 1 or structure.q > 3 or len(data.R) < 2 or data.count.sum() > GROUPS:
        return False
    return math.prod(map(len, _axes(structure))) * len(data.R) * structure.q**2 <= WORK


def dips(at: Problem, first: Vector) -> list[Vector]:
    """Starts in every dip of the lattice but the one around a start already chosen; lowest first.

    Args:
        at: the criterion.
        first: that start (t,).
    """
    structure = at.data.structure
    factors = factors_of(structure)
    f = values(at, factors)
    found: dict[tuple[float, ...], Vector] = {}
    for place in sorted(
        elsewhere(structure, f[:, None], first[None])[0], key=lambda k: float(f[k])
    ):
        theta = structure.theta(factors[place])
        found.setdefault(tuple(theta.tolist()), theta)
    return [_inside(structure, theta) for theta in found.values()]


def elsewhere(structure: Structure, f: Matrix, theta: Matrix) -> list[list[int]]:
    """Dips of some criteria that are not around a place of each.

    Args:
        structure: of the random effects.
        f: (K, R) each criterion on the lattice.
        theta: (R, t) the places.

    Returns:
        For each criterion the positions of such points on the lattice.
    """
    axes = _axes(structure)
    shape = tuple(map(len, axes))
    here = f.reshape(*shape, -1)
    walled = np.full([*(size + 2 for size in shape), here.shape[-1]], np.inf)
    walled[(slice(1, -1),) * len(shape)] = here
    dip = np.isfinite(here)
    for shift in itertools.product(range(3), repeat=len(shape)):
        dip &= (
            here <= walled[tuple(slice(s, s + size) for s, size in zip(shift, shape, strict=True))]
        )
    places = [_coordinates(structure, one) for one in theta]
    found: list[list[int]] = [[] for _ in places]
    for *index, r in np.argwhere(dip).tolist():
        if not _around(axes, index, places[r]):
            found[r].append(int(np.ravel_multi_index(index, shape)))
    return found


def factors_of(structure: Structure) -> Matrix:
    """The factors (K, q, q) at all points of the lattice."""
    axes = _axes(structure)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return _factors(structure, points)


def _axes(structure: Structure) -> list[Vector]:
    """Of each term: one axis an effect, and one for the correlation of two."""
    axes = []
    for size in structure.blocks:
        axes += [SIZES[structure.q - 2]] * size + ([CORRELATIONS] if size == 2 else [])
    return axes


def _factors(structure: Structure, points: Matrix) -> Matrix:
    """The factors (k, q, q) at points of the lattice (k, axes)."""
    Lambda = np.zeros((len(points), structure.q, structure.q))
    axis = 0
    for span, size in zip(structure.spans(), structure.blocks, strict=True):
        rows = np.arange(span.start, span.stop)
        Lambda[:, rows, rows] = points[:, axis : axis + size]
        axis += size
        if size == 2:
            r = points[:, axis]
            Lambda[:, rows[1], rows[0]] = r * Lambda[:, rows[1], rows[1]]
            Lambda[:, rows[1], rows[1]] *= np.sqrt(1.0 - r * r)
            axis += 1
    return Lambda


def _coordinates(structure: Structure, theta: Vector) -> list[float]:
    """A theta on the axes of the lattice; NaN for the correlation with an effect that is zero."""
    Lambda = structure.Lambda(theta)
    found: list[float] = []
    for span, size in zip(structure.spans(), structure.blocks, strict=True):
        block = Lambda[span, span]
        lengths = np.sqrt((block * block).sum(axis=1))
        found += lengths.tolist()
        if size == 2:
            product = float(lengths.prod())
            found.append(float(block[0] @ block[1]) / product if product > 0.0 else math.nan)
    return found


def _around(axes: list[Vector], index: Sequence[int], here: list[float]) -> bool:
    """Whether a point is between the neighbours of a place of the lattice on every axis."""
    for axis, k, value in zip(axes, index, here, strict=True):
        low = axis[k - 1] if k else -math.inf
        high = axis[k + 1] if k + 1 < len(axis) else math.inf
        if value < low or value > high:
            return False
    return True


def _inside(structure: Structure, theta: Vector) -> Vector:
    """A start beside the boundary instead of on it: a zero column is stationary by symmetry."""
    start = theta.copy()
    start[structure.diagonal] = np.maximum(start[structure.diagonal], 0.03)
    return start
