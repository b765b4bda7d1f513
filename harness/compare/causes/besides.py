"""What is asked besides the fit, under another reading: other weights, errors, unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from harness.compare.causes.asked import Asked
from harness.compare.causes.change import Change
from harness.engines.port.besides import besides_of
from harness.models.besides import MeanWeights
from harness.models.record import Estimates

if TYPE_CHECKING:
    from harness.engines.port.fit import Fit

KIND = "EMM weights"

_WORDS = {
    "equal": "equally (equal)",
    "proportional": "by the frequencies of what they average over (proportional)",
    "outer": "by the products of the margins' frequencies (outer)",
    "cells": "by the frequencies within each mean (cells)",
    "flat": "equally over cells with data (flat)",
}


def other_weights(asked: Asked) -> Iterator[Change]:
    """Means averaged over other factors by other weights than the plan's: the fit is the same."""
    besides = asked.spec.besides
    if besides is None or not besides.of_means:
        return
    weights: tuple[MeanWeights, ...] = get_args(MeanWeights)
    for name in weights:
        if name != besides.weights:
            words = f"weighted the means {_WORDS[name]}, not {_WORDS[besides.weights]}"
            changed = replace(asked.spec, besides=replace(besides, weights=name))
            yield Change(KIND, words, changed, asked.frame)


class _Unadjusted:
    """A fit whose tests have Kenward-Roger's degrees of freedom beside errors not adjusted."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fit, name)

    def covariance(self, method: str) -> npt.NDArray[np.float64]:
        """(p, p) as the fit has it, whatever the method."""
        return self._fit.vcov


def besides_unadjusted(fit: Fit, level: float) -> dict[str, Any]:
    """What is asked besides, with Kenward-Roger's degrees of freedom and errors not adjusted."""
    unadjusted: Any = _Unadjusted(fit)
    return besides_of(unadjusted, "kenward-roger", level)


def besides_scaled(right: Estimates, factor: float) -> dict[str, Any]:
    """What was asked besides of an outcome in another unit; tests and a model-based d stay.

    Args:
        right: the answer.
        factor: new unit's number of one old unit.
    """
    found: dict[str, Any] = {}
    if right.emmeans is not None:
        found["emmeans"] = tuple(_scaled(row, factor, "emmean") for row in right.emmeans)
    if right.contrasts is not None:
        found["contrasts"] = tuple(_scaled(row, factor, "contrast") for row in right.contrasts)
    if right.robust is not None:
        found["robust"] = tuple(_scaled(row, factor, "estimate") for row in right.robust)
    if right.leave_one_out is not None:
        found["leave_one_out"] = tuple(
            replace(row, estimate=factor * row.estimate, std_error=factor * row.std_error)
            for row in right.leave_one_out
        )
    return found


def _scaled(row: Any, factor: float, estimate: str) -> Any:
    names = (estimate, "std_error", "conf_low", "conf_high")
    return replace(row, **{name: factor * getattr(row, name) for name in names})
