"""Simple slopes: an effect at given values of its moderator (Aiken & West 1991)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.moderation.effect import Effect
from harness.engines.port.wald import WaldTable, wald_table
from harness.errors import ModelError

Vector = npt.NDArray[np.float64]
At = str | float
"""A value of the moderator, or its name: ``mean``, ``mean-sd``, ``median``, ``q16``."""

USUAL: tuple[At, ...] = ("mean-sd", "mean", "mean+sd")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SimpleSlopes:
    """An effect at k values of its moderator.

    Attributes:
        effect: which.
        names: (k,) how each value was asked for.
        values: (k,) in the moderator's unit.
        tests: (k,) each; degrees of freedom are those of the contrast at the value.
        level: of the intervals.
    """

    effect: Effect
    names: tuple[str, ...]
    values: Vector
    tests: WaldTable
    level: float

    def table(self) -> pd.DataFrame:
        """One row a value: at, the moderator, slope, std_error, df, statistic, p_value, bounds.

        ``observed`` says whether the value lies within those observed.
        """
        low, high = self.effect.observed.min(), self.effect.observed.max()
        return pd.DataFrame(
            {
                "effect": self.effect.label,
                "at": self.names,
                self.effect.moderator: self.values,
                "slope": self.tests.estimate,
                "std_error": self.tests.std_error,
                "df": self.tests.df,
                "statistic": self.tests.statistic,
                "p_value": self.tests.p_value,
                "conf_low": self.tests.conf_low,
                "conf_high": self.tests.conf_high,
                "df_method": self.effect.method,
                "observed": (self.values >= low) & (self.values <= high),
            }
        )

    def __repr__(self) -> str:
        return self.table().to_string(index=False)

    def _repr_html_(self) -> str:
        return str(self.table().to_html(index=False))


def simple_slopes_of(effect: Effect, at: Sequence[At], level: float) -> SimpleSlopes:
    """The effect at values of the moderator.

    Args:
        effect: which.
        at: numbers, or names of values: ``mean``, ``mean-sd``, ``mean+sd`` (any multiple:
            ``mean+2sd``), ``median``, ``q25`` (a percentile, as numpy's and R's default).
        level: of the intervals.

    Raises:
        ModelError: a name that is none, no values, or a level that is none.
    """
    if not len(at):
        raise ModelError("name at least one value of the moderator")
    values = np.array([value_at(effect.observed, each) for each in at])
    estimate, std_error, df = effect.tested(effect.rows(values))
    names = tuple(each if isinstance(each, str) else "value" for each in at)
    return SimpleSlopes(effect, names, values, wald_table(estimate, std_error, df, level), level)


def value_at(observed: Vector, at: At) -> float:
    """A value of a moderator by its name; a number is itself.

    Args:
        observed: (m,) its values; the standard deviation has m - 1 below.
        at: as in :func:`simple_slopes_of`.

    Raises:
        ModelError: a name that is none, or a number that is not finite.
    """
    if not isinstance(at, str):
        if isinstance(at, bool) or not np.isfinite(at):
            raise ModelError(f"{at!r} is no value of a moderator")
        return float(at)
    name = at.replace(" ", "")
    if name == "mean":
        return float(observed.mean())
    if name == "median":
        return float(np.median(observed))
    if name.startswith("q") and _number(name[1:]) is not None:
        percent = float(name[1:])
        if 0.0 <= percent <= 100.0:
            return float(np.quantile(observed, percent / 100.0))
    if name.startswith(("mean-", "mean+")) and name.endswith("sd"):
        times = _number(name[5:-2] or "1")
        if times is not None:
            sign = -1.0 if name[4] == "-" else 1.0
            return float(observed.mean() + sign * times * observed.std(ddof=1))
    raise ModelError(
        f"no value of a moderator is called {at!r}; write a number, mean, mean-sd, mean+sd, "
        "median or a percentile such as q25"
    )


def _number(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else None
