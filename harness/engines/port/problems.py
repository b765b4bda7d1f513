"""The criterion of a design: the fast form for one grouping factor, the blocked one for several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.engines.port import grid
from harness.engines.port.blocked import BlockedProblem, blocked_problem
from harness.engines.port.criterion import (
    Evaluation,
    Problem,
    inverse_factor,
    loses_digits,
    problem,
)
from harness.engines.port.crossproducts import cross_products, refined
from harness.engines.port.factors import factor_sums
from harness.engines.port.moments import moment_theta
from harness.engines.port.newton import DEFAULTS
from harness.engines.port.optimize import Search, optimise, search
from harness.engines.port.starts import alternatives
from harness.engines.port.surface import Surface
from harness.models.design import Design

Vector = npt.NDArray[np.float64]

DEAR_STARTS = 2
"""Other starts where one evaluation takes a tenth of a second or more."""


def surface(design: Design) -> Surface:
    """Sum a design and set up its criterion.

    Raises:
        ModelError: data on which the model cannot be fitted.
    """
    if len(design.groupings) == 1:
        return problem(cross_products(design), design.spec.reml)
    return blocked_problem(factor_sums(design), design.spec.reml)


def refined_surface(at: Surface, design: Design, found: Evaluation) -> Surface:
    """The same criterion summed in the basis in which Omega is the identity at ``found``."""
    Rho = inverse_factor(found)
    if isinstance(at, Problem):
        return problem(refined(at.data, design, Rho), at.reml)
    return blocked_problem(factor_sums(design, Rho, at.data.F), at.reml)


def worth_refining(at: Surface, found: Evaluation) -> bool:
    """Whether the sums have lost digits that a better basis would save.

    With several factors the sums and the search are dear, and Omega is small for most columns of
    X: the limit is where the criterion itself, not only a share of 1e-14 of it, is in danger.
    """
    if isinstance(at, Problem):
        return loses_digits(found)
    spread = np.abs(found.Rho_inverse.diagonal())
    return bool(spread[-1] > 30.0 or spread.max() > 300.0)


def minimum(at: Surface, near: Vector | None = None) -> Search:
    """Minimise the criterion over theta.

    Args:
        at: the criterion.
        near: with several grouping factors, where to begin if the minimum is nearly known.
    """
    if isinstance(at, Problem):
        return optimise(at)
    if not isinstance(at, BlockedProblem):
        raise TypeError(f"no search for a {type(at).__name__}")
    # With an estimated Hessian the last steps only shrink what no longer matters.
    options = replace(DEFAULTS, enough=1e-12 if at.estimates else 0.0, noise=1e-12)
    if at.data.careful:  # large effects: the determinant has lost digits that the gradient has not
        options = replace(options, noise=1e-11)
    start = moment_theta(at.data) if near is None else near

    def others(found: Evaluation) -> list[Vector]:
        if grid.fits(at):
            return grid.other_dips(at, found)
        return alternatives(at.data.structure)[: DEAR_STARTS if at.estimates else None]

    return search(at, [start], options, others)
