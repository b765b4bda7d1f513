"""What a fit tells of its search."""

from __future__ import annotations

from dataclasses import dataclass

from harness.engines.port.newton import Options


@dataclass(frozen=True, slots=True)
class Optimum:
    """The record of the search.

    Theta here is lme4's (Lambda for the data's own Z); gradient and trust radius refer to the
    standardised basis of :mod:`harness.engines.port.crossproducts`, in which the columns of X,
    y and Z have unit size.

    Attributes:
        start: theta the search began with.
        end: theta at the end.
        criterion: at the end, in deviance units.
        gradient_norm: largest entry of the gradient over max(1, |criterion|).
        evaluations: criterion evaluations with derivatives, all starts.
        starts: starts tried.
        rivals: criteria at the ends of the other starts.
        converged: whether gradient and curvature are as demanded.
        boundary: whether the relative covariance factor is rank deficient.
        kkt: on the boundary, smallest eigenvalue of the criterion's derivative in the relative
            covariance (not negative at a minimum); else 0.
        options: every option in force.
        message: one line.
        trace: theta and criterion of each accepted step.
    """

    start: tuple[float, ...]
    end: tuple[float, ...]
    criterion: float
    gradient_norm: float
    evaluations: int
    starts: int
    rivals: tuple[float, ...]
    converged: bool
    boundary: bool
    kkt: float
    options: Options
    message: str
    trace: tuple[tuple[tuple[float, ...], float], ...]
