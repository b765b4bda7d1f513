"""The replicates of a bootstrap, a part at a time, in this process or in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.batch.components import components, diagonal_of
from harness.engines.port.batch.refit import refit_part, shared_by
from harness.engines.port.batch.responses import with_response
from harness.engines.port.batch.simulation import simulate_range
from harness.engines.port.batch.sums import Shared
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.fitted import SINGULAR
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Statistic = Callable[[Fit], Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What a process must know.

    Attributes:
        fit: the model simulated from.
        seed: of the draws.
        statistic: what is computed of a replicate; None for coefficients and components.
        width: how many numbers that is.
    """

    fit: Fit
    seed: int
    statistic: Statistic | None
    width: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some replicates; fields as in :class:`.bootstrap.Bootstrap`."""

    values: Matrix
    failures: tuple[tuple[int, str], ...]
    unconverged: int
    singular: int


def shared_of(work: Work) -> Shared | None:
    """What all parts share, summed once a process."""
    return shared_by(work.fit.design) if work.statistic is None else None


_child: list[tuple[Work, Shared | None]] = []
"""In a child process: its work."""


def start_child(work: Work) -> None:
    """Make a child process ready."""
    _child[:] = [(work, shared_of(work))]


def run_in_child(part: slice) -> Piece:
    """:func:`run` in a child process."""
    return run(*_child[0], part)


def run(work: Work, shared: Shared | None, part: slice) -> Piece:
    """One part of the replicates, numbered by a slice."""
    Y = simulate_range(work.fit, part.start, part.stop, work.seed)
    if work.statistic is None:
        return _estimates(work.fit, shared, Y)
    return _statistics(work, work.statistic, Y)


def _estimates(fit: Fit, shared: Shared | None, Y: Matrix) -> Piece:
    """Coefficients and components of each response."""
    made = refit_part(fit.design, fit.theta, shared, Y)
    values = np.column_stack([made.beta, components(fit.design, made.theta, made.sigma)])
    singular = made.theta[:, diagonal_of(fit.design)] < SINGULAR
    failed = len(made.failures)
    return Piece(
        values=values,
        failures=made.failures,
        unconverged=int((~made.converged).sum()) - failed,
        singular=int(singular.any(axis=1).sum()),
    )


def _statistics(work: Work, statistic: Statistic, Y: Matrix) -> Piece:
    """A statistic of each response's own fit."""
    values = np.full((Y.shape[1], work.width), np.nan)
    failures = []
    unconverged = singular = 0
    for r in range(Y.shape[1]):
        try:
            fit = fit_design(with_response(work.fit.design, Y[:, r]))
        except ModelError as error:
            failures.append((r, str(error)))
            continue
        _, found = named(statistic(fit))
        if len(found) != work.width:
            raise ModelError(
                f"the statistic has {len(found)} numbers in a replicate and {work.width} in the "
                "fit; it must return as many every time"
            )
        values[r] = found
        unconverged += not fit.converged
        singular += fit.singular
    return Piece(values, tuple(failures), unconverged, singular)


def named(value: Any) -> tuple[tuple[str, ...], Vector]:
    """Names and numbers of what a statistic returned.

    Raises:
        ModelError: it is neither a number nor a vector nor a mapping of names to numbers.
    """
    names: list[str] | None = None
    if isinstance(value, Mapping):
        names, value = [str(key) for key in value], list(value.values())
    elif hasattr(value, "index") and hasattr(value, "to_numpy"):
        names, value = [str(key) for key in value.index], value.to_numpy()
    try:
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        raise ModelError(
            "the statistic must return a number, a vector, or a mapping of names to numbers"
        ) from None
    if value is None or not numbers.size:
        raise ModelError(
            f"the statistic returned {'nothing' if value is None else 'no numbers'}; let it return "
            "a number, a vector, or a mapping of names to numbers"
        )
    if numbers.ndim != 1:
        raise ModelError(f"the statistic must return a vector, not shape {numbers.shape}")
    if names is None:
        names = [f"statistic[{k}]" for k in range(len(numbers))]
    return tuple(names), numbers
