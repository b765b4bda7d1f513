"""Simple slopes and regions of significance as an answer names them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ModelError
from harness.models.inference import LowerBound, SimpleSlope, UpperBound
from harness.models.mean_terms import ModeratedEffect, moderated_effects
from harness.models.variables import level_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.engines.port.fitted import FittedModel
    from harness.engines.port.lm import LinearFit
    from harness.engines.port.moderation.effect import Effect
    from harness.engines.port.repeated.fit import RepeatedFit
    from harness.models.besides import Besides, Probe
    from harness.models.spec import DfMethod


@dataclass(frozen=True, slots=True)
class Probed:
    """An effect under the name it is asked for by, and how it is probed."""

    asked: ModeratedEffect
    effect: Effect
    probe: Probe


def simple_slope_rows(probed: Sequence[Probed], level: float) -> tuple[SimpleSlope, ...]:
    """The effects at the values that are asked for, one row each.

    Raises:
        ModelError: an effect the data do not determine.
    """
    from harness.engines.port.moderation.slopes import simple_slopes_of

    rows = []
    for one in probed:
        asked, probe = one.asked, one.probe
        tests = simple_slopes_of(one.effect, probe.at, level).tests
        for at, row in zip(probe.at, tests.rows(), strict=True):
            text = at if isinstance(at, str) else level_text(float(at))
            rows.append(SimpleSlope(asked.at(probe.moderator, text), *row))
    return tuple(rows)


def bound_rows(probed: Sequence[Probed]) -> tuple[tuple[LowerBound, ...], tuple[UpperBound, ...]]:
    """The bounds of each effect's region of significance.

    Raises:
        ModelError: an effect that is no polynomial, or that the data do not determine.
    """
    from harness.engines.port.moderation.johnson_neyman import johnson_neyman_of

    low: list[LowerBound] = []
    high: list[UpperBound] = []
    for one in probed:
        asked, effect, probe = one.asked, one.effect, one.probe
        if effect.degree is None:
            raise ModelError(f"the effect is no polynomial in `{probe.moderator}`")
        region = johnson_neyman_of(effect, probe.alpha, probe.control)
        bounds = region.bounds
        if not bounds:
            name = asked.bound(probe, region.topology)
            low.append(LowerBound(name, math.nan, math.nan, math.nan))
        for place, bound in enumerate(bounds):
            # With a single bound it is the lower one: where significance begins or ends.
            end = "low" if place == 0 else "high" if place == len(bounds) - 1 else str(place)
            name = asked.bound(probe, region.topology, end, observed=bound.observed)
            if end == "low":
                low.append(LowerBound(name, bound.value, bound.unit, bound.df))
            else:
                high.append(UpperBound(name, bound.value, bound.unit, bound.df))
    return tuple(low), tuple(high)


def probed_effects(
    fit: FittedModel | LinearFit | RepeatedFit, besides: Besides, df: DfMethod
) -> tuple[Probed, ...]:
    """The effects that a model is asked to probe.

    Raises:
        ModelError: a moderator that is no number, has one value, or varies within patients.
    """
    from harness.engines.port.moderation.effect import effect_of

    probe = besides.probe
    if probe is None:
        return ()
    return tuple(
        Probed(asked, effect_of(fit, asked.pairs, probe.moderator, per=probe.patient, df=df), probe)
        for asked in moderated_effects(besides, fit.design.spec.formula)
    )
