"""Fitting a model again to other responses: one, or many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.batch.components import diagonal_of
from harness.engines.port.batch.descent import minimise_all
from harness.engines.port.batch.record import Batch
from harness.engines.port.batch.responses import checked_responses, with_response, working_responses
from harness.engines.port.batch.solutions import solve_all
from harness.engines.port.batch.sums import Shared, replicate_sums, shared_sums
from harness.engines.port.criterion import problem
from harness.engines.port.crossproducts import cross_products
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.fitted import SINGULAR, FittedModel
from harness.engines.port.newton import DEFAULTS
from harness.engines.port.solution import standardise
from harness.errors import ModelError
from harness.models.design import Design
from harness.models.read_only import read_only

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TOGETHER = 250
"""Responses that are searched together; a constant, so that results do not hang on who asks."""

ONE_BY_ONE = 25
"""Responses of a chunk where each is searched by itself: the unit of work of a process."""

MEMORY = 4_000_000
"""Numbers that one such chunk may hold; fewer responses are taken together if they are larger."""


@dataclass(frozen=True, slots=True)
class Part:
    """The estimates of some responses; fields as in :class:`.record.Batch`."""

    beta: Matrix
    std_error: Matrix
    theta: Matrix
    sigma: Vector
    criterion: Vector
    converged: Mask
    failures: tuple[tuple[int, str], ...]


def refit(fit: FittedModel, responses: npt.ArrayLike) -> Fit | Batch:
    """Fit a model to other responses on the same rows.

    Args:
        fit: the model.
        responses: (n,) for one fit, (n, R) for a batch; a row for each row used, or for each row
            of the data given.

    Raises:
        ModelError: responses of another length or with missing values; for one response also data
            on which the model cannot be fitted.
    """
    Y = checked_responses(fit.design, responses)
    if Y.ndim == 1:
        return fit_design(with_response(fit.design, Y))
    return refit_all(fit, Y)


def refit_all(fit: FittedModel, Y: Matrix) -> Batch:
    """Fit a model to every column of Y (n, R)."""
    shared = shared_by(fit.design)
    parts = [
        refit_part(fit.design, fit.theta, shared, Y[:, part])
        for part in chunks(fit.design, Y.shape[1])
    ]
    return joined(fit.design, Y, parts)


def chunks(design: Design, count: int) -> list[slice]:
    """The responses that are searched together; depends on the design alone."""
    if len(design.groupings) > 1:
        return [
            slice(start, min(start + ONE_BY_ONE, count)) for start in range(0, count, ONE_BY_ONE)
        ]
    n, p = design.X.shape
    q = sum(len(term.names) for term in design.random)
    groups = max(len(grouping.sizes) for grouping in design.groupings)
    each = 3 * n + groups * q * (q * (p + 1) * (1 + q * (q + 1) // 2) + 4)
    size = max(1, min(TOGETHER, MEMORY // each))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def shared_by(design: Design) -> Shared | None:
    """What the responses of a design with one grouping factor share; None with several."""
    if len(design.groupings) > 1:
        return None
    at = problem(cross_products(design), design.spec.reml)
    return shared_sums(design, at)


def refit_part(design: Design, theta: Vector, shared: Shared | None, Y: Matrix) -> Part:
    """Fit some responses Y (n, R).

    Args:
        design: the design.
        theta: (t,) near which minima are likely, lme4's.
        shared: what they share, where the search can be made on all of them at once.
        Y: the responses.
    """
    p, t, count = len(design.names), len(theta), Y.shape[1]
    beta, std_error = np.full((count, p), np.nan), np.full((count, p), np.nan)
    thetas = np.full((count, t), np.nan)
    sigma, criterion = np.full(count, np.nan), np.full(count, np.nan)
    converged = np.zeros(count, dtype=np.bool_)
    left = np.ones(count, dtype=np.bool_)
    if shared is not None:
        data, _ = replicate_sums(shared, working_responses(design, Y))
        ends = minimise_all(data, standardise(shared.at, theta), DEFAULTS)
        if not ends.plain.all():
            data = data.take(ends.plain)
            ends.at = ends.at.take(ends.plain)
        found, rows = solve_all(data, ends.at), data.index
        beta[rows], std_error[rows] = found.beta, found.std_error
        thetas[rows], sigma[rows], criterion[rows] = found.theta, found.sigma, ends.at.value
        converged[rows] = True
        left[rows] = False
    failures = []
    for r in np.flatnonzero(left):
        try:
            one = fit_design(with_response(design, Y[:, r]))
        except ModelError as error:
            failures.append((int(r), str(error)))
            continue
        beta[r], std_error[r] = one.beta, np.sqrt(one.vcov.diagonal())
        thetas[r], sigma[r], criterion[r] = one.theta, one.sigma, one.criterion
        converged[r] = one.converged
    return Part(beta, std_error, thetas, sigma, criterion, converged, tuple(failures))


def joined(design: Design, Y: Matrix, parts: list[Part]) -> Batch:
    """The parts of a batch in order."""
    theta = np.concatenate([part.theta for part in parts])
    shift = 0
    failures: list[tuple[int, str]] = []
    for part in parts:
        failures += [(shift + number, reason) for number, reason in part.failures]
        shift += len(part.sigma)
    diagonal = diagonal_of(design)
    return Batch(
        design=design,
        responses=read_only(Y),
        names=design.names,
        beta=read_only(np.concatenate([part.beta for part in parts])),
        std_error=read_only(np.concatenate([part.std_error for part in parts])),
        theta=read_only(theta),
        sigma=read_only(np.concatenate([part.sigma for part in parts])),
        criterion=read_only(np.concatenate([part.criterion for part in parts])),
        converged=np.concatenate([part.converged for part in parts]),
        singular=np.asarray((theta[:, diagonal] < SINGULAR).any(axis=1)),
        failures=tuple(failures),
    )
