"""Rows of an answer that follow from the fit: means, contrasts, tests of terms, effect sizes.

The names of the fields are those of the quantities in the diff table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class MarginalMean:
    """An estimated marginal mean in the outcome's unit; all NaN where there is none."""

    term: str
    emmean: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class MeanContrast:
    """A contrast of marginal means in the outcome's unit; all NaN where it is not estimable."""

    term: str
    contrast: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class TermTest:
    """A type III test of a term, ``anova(arm:time)``; num_df 0 where others determine it."""

    term: str
    num_df: float
    den_df: float
    f_value: float
    p_value: float


@dataclass(frozen=True, slots=True)
class EffectSize:
    """A contrast of marginal means divided by ``sd``, in its name; ``sd`` is taken as known."""

    term: str
    d: float
    d_low: float
    d_high: float
    sd: float


@dataclass(frozen=True, slots=True)
class SimpleSlope:
    """An effect at a value of its moderator, in the outcome's unit."""

    term: str
    slope: float
    std_error: float
    df: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float


@dataclass(frozen=True, slots=True)
class LowerBound:
    """The smaller bound of a Johnson-Neyman region; NaN where the region has none.

    ``std_error`` is the change of the moderator that moves t by one, the unit in which a bound is
    known; ``df`` are those of the effect there.
    """

    term: str
    jn_low: float
    std_error: float
    df: float


@dataclass(frozen=True, slots=True)
class UpperBound:
    """The larger bound; else as :class:`LowerBound`."""

    term: str
    jn_high: float
    std_error: float
    df: float


Inferred = (
    MarginalMean | MeanContrast | TermTest | EffectSize | SimpleSlope | LowerBound | UpperBound
)
_NO_NUMBER_OF_ITS_OWN = ("term", "sd")
"""``sd`` is held by ``d`` and ``contrast`` together; a quantity of that name is a component's."""


def quantities(row: Inferred | type[Any]) -> tuple[str, ...]:
    """The quantities a kind of row has, in order."""
    return tuple(f.name for f in fields(row) if f.name not in _NO_NUMBER_OF_ITS_OWN)
