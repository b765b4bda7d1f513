"""Profile likelihood: intervals and curves of every parameter of a mixed model.

The likelihood is profiled, not the restricted one: a REML fit is fitted again by ML first. The
interval of level ``1 - a`` holds the values of the parameter at which the deviance, all other
parameters at their best, rises by no more than the chi-square quantile with one degree of freedom
(Venzon & Moolgavkar 1988, Applied Statistics 37(1); for mixed models Bates, Maechler, Bolker &
Walker 2015, J. Stat. Softw. 67(1), section 5.1).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from harness.engines.port.criterion import Problem
from harness.engines.port.crossproducts import log_weights
from harness.engines.port.fit import Fit, fit_design
from harness.engines.port.intervals.constrained import (
    HeldCorrelation,
    HeldSD,
    HeldSigma,
    Split,
)
from harness.engines.port.intervals.curve import Curve
from harness.engines.port.intervals.leading import leading, without_coefficient
from harness.engines.port.intervals.level import check_level
from harness.engines.port.newton import DEFAULTS, Options
from harness.models.design import Design

if TYPE_CHECKING:
    import pandas as pd

Vector = npt.NDArray[np.float64]

REACH = 0.99
"""Level of the interval that the curves of :func:`profile_frame` cover."""

STEPS = 6
"""Points of a curve on either side of the estimate."""

NEAR = 1e-8
"""How far beyond its end, in zeta, a curve's points are shown."""

APART = 0.02
"""Least distance in zeta of points shown."""


def ml_fit(fit: Fit) -> Fit:
    """The fit itself, or that of the same model by maximum likelihood."""
    spec = fit.design.spec
    if not spec.reml:
        return fit
    return fit_design(replace(fit.design, spec=replace(spec, reml=False)))


def profile_intervals(fit: Fit, level: float) -> list[tuple[str, float, float]]:
    """Term and bounds of every parameter of an ML fit (see :func:`ml_fit`).

    Returns:
        Coefficients, then standard deviations, correlations and sigma as in ``fit.varcorr``. An
        SD that could be zero has the bound 0; a correlation that could be perfect -1 or 1.

    Raises:
        ModelError: a level outside (0, 1), or a deviance lower than the fit's.
    """
    check_level(level)
    z = float(ndtri(0.5 * (1.0 + level)))
    rows = []
    for curve in curves(fit):
        low, high = sorted((curve.bound(-z)[0], curve.bound(z)[0]))
        rows.append((curve.term, low, high))
    return rows


def profile_frame(fit: Fit) -> pd.DataFrame:
    """Points of every parameter's curve, for plots.

    Returns:
        Columns: parameter, value, zeta; in order of the value, zeta 0 at the ML estimate. The
        curves cover the interval of level 0.99, or end at a bound of the parameter.

    Raises:
        ModelError: a deviance lower than the fit's.
    """
    import pandas as pd

    z = float(ndtri(0.5 * (1.0 + REACH)))
    rows = []
    for curve in curves(ml_fit(fit)):
        for side in (-1.0, 1.0):
            for k in range(1, STEPS):
                if not curve.toward(side * z * k / STEPS):
                    break
            curve.bound(side * z)
        rows += [(curve.term, curve.outside(value), zeta) for value, zeta in _thinned(curve, z)]
    return pd.DataFrame(rows, columns=["parameter", "value", "zeta"])


def _thinned(curve: Curve, z: float) -> list[tuple[float, float]]:
    """A curve's points up to zeta z, those that nearly coincide left out; the estimate stays."""
    kept: list[tuple[float, float]] = []
    line = [(value, zeta) for value, zeta in curve.line() if abs(zeta) <= z + NEAR]
    outward = sorted(line, key=lambda point: -abs(point[1]))
    for value, zeta in [(curve.estimate, 0.0), *outward]:
        if all(abs(value - other) > 0.0 and abs(zeta - seen) >= APART for other, seen in kept):
            kept.append((value, zeta))
    return sorted(kept)


def curves(fit: Fit) -> list[Curve]:
    """A curve for every parameter of an ML fit, in the order of :func:`profile_intervals`."""
    options = replace(DEFAULTS, excess=1e-10)
    if not isinstance(fit.surface, Problem):
        options = replace(options, noise=1e-12)
    found = [_coefficient(fit, j, options) for j in range(len(fit.names))]
    split = Split(fit.surface)
    for term, random in enumerate(fit.design.random):
        width = len(random.names)
        found += [_sd(fit, term, i, options) for i in range(width)]
        found += [
            _correlation(fit, term, i, j, options)
            for i in range(width)
            for j in range(i + 1, width)
        ]
    found.append(_sigma(fit, split, options))
    return found


def _coefficient(fit: Fit, j: int, options: Options) -> Curve:
    at = fit.surface
    return Curve(
        term=fit.names[j],
        estimate=float(fit.beta[j]),
        step=math.sqrt(float(fit.vcov[j, j])),
        held=lambda value: without_coefficient(at, j, value),
        start=fit.at.theta,
        lowest=fit.criterion,
        options=options,
    )


def _sigma(fit: Fit, split: Split, options: Options) -> Curve:
    at = fit.surface
    effects = sum(
        len(grouping.sizes) * len(term.names)
        for term in fit.design.random
        for grouping in fit.design.groupings
        if grouping.label == term.group
    )
    freedom = max(1, fit.n_obs - effects)
    return Curve(
        term="sigma",
        estimate=math.log(fit.sigma),
        step=1.0 / math.sqrt(2.0 * freedom),
        held=lambda eta: HeldSigma(at, split, eta),
        start=fit.at.theta,
        lowest=fit.criterion,
        options=options,
        outside=math.exp,
    )


def _sd(fit: Fit, term: int, effect: int, options: Options) -> Curve:
    lead = leading(fit.surface, fit.design, fit.at.theta, term, (effect,))
    split = Split(lead.at)
    random = fit.design.random[term]
    name = f"sd({random.group}:{random.names[effect]})"
    sd = next(row.estimate for row in fit.varcorr if row.term == name)
    eta = math.log(fit.sigma)
    groups = next(len(g.sizes) for g in fit.design.groupings if g.label == random.group)
    unit = fit.sigma / lead.scale
    return Curve(
        term=name,
        estimate=sd,
        step=max(sd, 0.3 * unit) / math.sqrt(2.0 * groups),
        held=lambda value: HeldSD(lead, split, value),
        start=HeldSD(lead, split, sd).free(lead.theta, eta),
        lowest=fit.criterion,
        options=options,
        low=0.0,
        edge=lambda: deviance_without(fit.design, term, effect),
    )


def _correlation(fit: Fit, term: int, first: int, second: int, options: Options) -> Curve:
    lead = leading(fit.surface, fit.design, fit.at.theta, term, (first, second))
    random = fit.design.random[term]
    held = HeldCorrelation(lead, 0.0)
    groups = next(len(g.sizes) for g in fit.design.groupings if g.label == random.group)
    return Curve(
        term=f"cor({random.group}:{random.names[first]},{random.names[second]})",
        estimate=held.angle(lead.theta),
        step=1.0 / math.sqrt(groups),
        held=lambda angle: HeldCorrelation(lead, angle),
        start=held.free(lead.theta),
        lowest=fit.criterion,
        options=options,
        outside=math.sin,
        low=-0.5 * math.pi,
        high=0.5 * math.pi,
        plateau=lambda: min(
            deviance_without(fit.design, term, first), deviance_without(fit.design, term, second)
        ),
    )


def deviance_without(design: Design, term: int, effect: int) -> float:
    """The lowest ML deviance of a model without one random effect."""
    old = design.random[term]
    kept = [k for k in range(len(old.names)) if k != effect]
    random = list(design.random)
    if kept:
        random[term] = replace(
            old,
            names=tuple(old.names[k] for k in kept),
            columns=tuple(old.columns[k] for k in kept),
        )
    else:
        del random[term]
    n = design.frame.n_obs
    if not random:
        square = float(design.factor.R[-1, -1]) ** 2
        return n * (1.0 + math.log(2.0 * math.pi * square / n)) - log_weights(design)
    labels = {part.group for part in random}
    groupings = tuple(g for g in design.groupings if g.label in labels)
    smaller = replace(
        design, random=tuple(random), frame=replace(design.frame, groupings=groupings)
    )
    return fit_design(smaller).criterion
