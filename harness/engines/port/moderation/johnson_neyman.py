"""The region of significance as a result: bounds, regions, shape, and what was observed of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.moderation.effect import Effect
from harness.engines.port.moderation.region import false_discovery_level, search_region
from harness.engines.port.wald import critical
from harness.errors import ModelError

Vector = npt.NDArray[np.float64]
Control = Literal["none", "fdr"]
Topology = Literal["none", "all", "inside", "outside", "one-sided", "several"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A value of the moderator at which significance begins or ends.

    Attributes:
        value: of the moderator.
        estimate, std_error, df: of the effect there.
        unit: change of the moderator that moves t by one there: how well the place is known; NaN
            where the effect is no polynomial in the moderator.
        observed: whether it lies within the values observed.
    """

    value: float
    estimate: float
    std_error: float
    df: float
    unit: float
    observed: bool


@dataclass(frozen=True, slots=True)
class Region:
    """An interval of the moderator.

    Attributes:
        low, high: its ends; infinite where nothing ends it.
        significant: whether the effect is, throughout.
        sign: of the effect where it is: -1 or 1; else 0.
    """

    low: float
    high: float
    significant: bool
    sign: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class JohnsonNeyman:
    """Where an effect is significant.

    Attributes:
        effect: which.
        alpha: level asked for.
        control: ``none``: each value is tested at alpha; ``fdr``: at ``alpha_used``, which keeps
            the rate of false discoveries over the values observed.
        alpha_used: level of the test at a bound.
        bounds: ascending.
        regions: from the smallest to the largest value of the moderator.
        topology: over all values: ``none``, ``all``, ``inside`` (significant between two bounds),
            ``outside`` (beyond them), ``one-sided``, ``several``.
        topology_observed: the same within the values observed.
        share_significant: share of the observed values at which the effect is significant.
    """

    effect: Effect
    alpha: float
    control: Control
    alpha_used: float
    bounds: tuple[Bound, ...]
    regions: tuple[Region, ...]
    topology: Topology
    topology_observed: Topology
    share_significant: float

    @property
    def extrapolated(self) -> bool:
        """Whether there are bounds and none of them lies within the values observed."""
        return bool(self.bounds) and not any(bound.observed for bound in self.bounds)

    def table(self) -> pd.DataFrame:
        """The bounds, one row each: the moderator, effect, std_error, df, observed."""
        return pd.DataFrame(
            {
                self.effect.moderator: [bound.value for bound in self.bounds],
                "slope": [bound.estimate for bound in self.bounds],
                "std_error": [bound.std_error for bound in self.bounds],
                "df": [bound.df for bound in self.bounds],
                "observed": [bound.observed for bound in self.bounds],
            }
        )

    def curve(self, points: int = 201) -> pd.DataFrame:
        """The effect over the values observed, with the band whose zeros are the bounds."""
        values = np.linspace(self.effect.observed.min(), self.effect.observed.max(), points)
        estimate, std_error, df = self.effect.tested(self.effect.rows(values))
        half = critical(df, self.alpha_used) * std_error
        return pd.DataFrame(
            {
                self.effect.moderator: values,
                "slope": estimate,
                "std_error": std_error,
                "df": df,
                "low": estimate - half,
                "high": estimate + half,
            }
        )

    def sentence(self) -> str:
        """The region in words."""
        name = self.effect.moderator
        parts = [
            f"{_direction(region.sign)} where {_interval(region, name)}"
            for region in self.regions
            if region.significant
        ]
        said = "; ".join(parts) or "nowhere"
        what = f"{self.effect.label} is significant (p < {self.alpha:g}"
        what += (
            f", false discoveries controlled: p < {self.alpha_used:.3g})" * (self.control == "fdr")
            or ")"
        )
        low, high = self.effect.observed.min(), self.effect.observed.max()
        tail = f"; {name} was observed from {low:.6g} to {high:.6g}"
        beyond = ", where no bound lies" if self.extrapolated else ""
        return f"{what} {said}{tail}{beyond}"

    def __repr__(self) -> str:
        return self.sentence()


def johnson_neyman_of(effect: Effect, alpha: float, control: Control) -> JohnsonNeyman:
    """The region of an effect.

    Args:
        effect: which.
        alpha: two-sided level.
        control: ``none`` or ``fdr``.

    Raises:
        ModelError: an alpha that is none, an unknown control, or as ``search_region``.
    """
    number = isinstance(alpha, float) and 0.0 < alpha < 1.0
    if not number:
        raise ModelError(f"alpha must lie between 0 and 1, not {alpha!r}; write 0.05 for 5 %")
    if control not in get_args(Control):
        raise ModelError(f"no control is called {control!r}; there are none and fdr")
    used = false_discovery_level(effect, alpha) if control == "fdr" else alpha
    search = search_region(effect, used)
    low, high = float(effect.observed.min()), float(effect.observed.max())
    edges = np.concatenate([[search.low], search.bounds, [search.high]])
    at = np.searchsorted(search.bounds, effect.observed, side="right")
    touched = [
        bool(a < high and b > low) for a, b in pairwise(edges)
    ]  # an interval that only shares an end with the observed ones is not one of them
    return JohnsonNeyman(
        effect=effect,
        alpha=alpha,
        control=control,
        alpha_used=used,
        bounds=_bounds(effect, search.bounds, low, high),
        regions=_regions(effect, edges, search.significant),
        topology=topology_of(search.significant),
        topology_observed=topology_of(search.significant[np.array(touched)]),
        share_significant=float(search.significant[at].mean()),
    )


def topology_of(significant: npt.NDArray[np.bool_]) -> Topology:
    """The shape of a region, given which of the adjoining intervals are significant."""
    runs = [bool(significant[0])]
    for each in significant[1:]:
        if bool(each) != runs[-1]:
            runs.append(bool(each))
    if len(runs) == 1:
        return "all" if runs[0] else "none"
    if len(runs) == 2:
        return "one-sided"
    if len(runs) == 3:
        return "inside" if runs[1] else "outside"
    return "several"


def _bounds(effect: Effect, values: Vector, low: float, high: float) -> tuple[Bound, ...]:
    if not len(values):
        return ()
    tested = effect.tested(effect.rows(values))
    nowhere = np.full(len(values), np.nan)
    unit = nowhere if effect.degree is None else 1.0 / np.abs(effect.slope_of_t(values))
    rows = zip(values.tolist(), *(part.tolist() for part in (*tested, unit)), strict=True)
    return tuple(Bound(m, b, s, df, u, low <= m <= high) for m, b, s, df, u in rows)


def _regions(
    effect: Effect, edges: Vector, significant: npt.NDArray[np.bool_]
) -> tuple[Region, ...]:
    found = []
    for (low, high), each in zip(pairwise(edges.tolist()), significant, strict=True):
        sign = _sign(effect, low, high) if each else 0
        found.append(Region(low, high, bool(each), sign))
    return tuple(found)


def _sign(effect: Effect, low: float, high: float) -> int:
    """Sign of the effect inside an interval, where it is significant and hence never zero."""
    spread = float(np.ptp(effect.observed))
    if np.isinf(low) and np.isinf(high):
        inside = float(effect.observed.mean())
    elif np.isinf(low):
        inside = high - spread
    elif np.isinf(high):
        inside = low + spread
    else:
        inside = (low + high) / 2.0
    estimate, _, _ = effect.tested(effect.rows(np.array([inside])))
    return int(np.sign(estimate[0]))


def _direction(sign: int) -> str:
    return "positive" if sign > 0 else "negative"


def _interval(region: Region, name: str) -> str:
    if np.isinf(region.low) and np.isinf(region.high):
        return f"{name} has any value"
    if np.isinf(region.low):
        return f"{name} < {region.high:.6g}"
    if np.isinf(region.high):
        return f"{name} > {region.low:.6g}"
    return f"{region.low:.6g} < {name} < {region.high:.6g}"
