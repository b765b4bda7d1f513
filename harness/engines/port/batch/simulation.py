"""New responses drawn from a fitted model.

Draws are made in blocks of fixed length, each from a seed of its own that numpy's ``SeedSequence``
spawns: replicate r is the same whatever the number asked for and however blocks are spread over
processes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.arguments import check_flag
from harness.engines.port.fitted import FittedModel
from harness.engines.port.structure import structure_of
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

BLOCK = 50
"""Most replicates drawn from one seed."""

DRAWS = 5_000_000
"""Most numbers drawn from one seed, if that is more than one replicate."""


def simulate(fit: FittedModel, n_sim: int, seed: int, conditional: bool = False) -> Matrix:
    """Responses (n, n_sim) drawn from the model, random effects and residuals new.

    Args:
        fit: the model.
        n_sim: how many.
        seed: of the draws, zero or more; replicate r does not depend on ``n_sim``.
        conditional: keep the random effects at their conditional modes, draw residuals only.

    Raises:
        ModelError: a number of replicates or a seed out of range.
    """
    check_draws(n_sim, seed)
    check_flag("conditional", conditional, "True keeps the random effects")
    return simulate_range(fit, 0, n_sim, seed, conditional)


def check_draws(n_sim: int, seed: int) -> None:
    """Refuse numbers that are no count or no seed.

    Raises:
        ModelError: saying which.
    """
    if not isinstance(n_sim, int | np.integer) or n_sim < 1:
        raise ModelError(f"n_sim must be a number of replicates, 1 or more, not {n_sim!r}")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ModelError(f"seed must be a whole number, 0 or more, not {seed!r}")


def simulate_range(
    fit: FittedModel, start: int, stop: int, seed: int, conditional: bool = False
) -> Matrix:
    """Replicates ``start`` to ``stop`` (n, stop - start) of :func:`simulate`; F-ordered."""
    design = fit.design
    n = fit.n_obs
    mean = fit.fitted if conditional else _mean(fit)
    groups = [] if conditional else _effects(fit)
    width = sum(count * len(L) for _, count, L, _ in groups) + n
    draws = np.empty((stop - start, width))
    length = max(1, min(BLOCK, DRAWS // width))
    for block in range(start // length, -(-stop // length)):
        low, high = max(start, block * length), min(stop, (block + 1) * length)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
        # A block is drawn row by row from its beginning, whatever part of it is asked for.
        made = rng.standard_normal((high - block * length, width))
        draws[low - start : high - start] = made[low - block * length :]
    at = width - n
    Y = draws[:, at:]
    Y *= fit.sigma if design.weights is None else fit.sigma / np.sqrt(design.weights)
    Y += mean
    place = 0
    for codes, count, L, columns in groups:
        size = count * len(L)
        effects = draws[:, place : place + size].reshape(-1, count, len(L)) @ L.T
        place += size
        for j, column in enumerate(columns):
            drawn = effects[:, :, j][:, codes]
            if not (column == 1.0).all():
                drawn *= column
            Y += drawn
    return Y.T


def _mean(fit: FittedModel) -> Vector:
    """(n,) mean of the response over random effects and residuals."""
    mean: Vector = fit.design.X @ fit.beta
    return mean if fit.design.offset is None else mean + fit.design.offset


def _effects(fit: FittedModel) -> list[tuple[npt.NDArray[np.intp], int, Matrix, list[Matrix]]]:
    """Codes, number of groups, covariance factor and columns of each random term."""
    found = []
    structure = structure_of(tuple(len(term.names) for term in fit.design.random))
    by_label = {grouping.label: grouping for grouping in fit.design.groupings}
    Lambda = fit.sigma * structure.Lambda(fit.theta)
    for term, span in zip(fit.design.random, structure.spans(), strict=True):
        grouping = by_label[term.group]
        found.append((grouping.codes, len(grouping.sizes), Lambda[span, span], list(term.columns)))
    return found
