"""``harness.simple_slopes`` and ``harness.johnson_neyman``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.engines.port.moderation.effect import Focal, effect_of
from harness.engines.port.moderation.johnson_neyman import (
    Control,
    JohnsonNeyman,
    johnson_neyman_of,
)
from harness.engines.port.moderation.slopes import USUAL, At, SimpleSlopes, simple_slopes_of
from harness.engines.port.testable import Testable
from harness.models.spec import DfMethod


def simple_slopes(
    fit: Testable,
    focal: Focal,
    moderator: str,
    values: Sequence[At] = USUAL,
    *,
    at: Mapping[str, Any] | None = None,
    per: str | None = None,
    df: DfMethod | None = None,
    level: float = 0.95,
) -> SimpleSlopes:
    """An effect at values of its moderator, each with the degrees of freedom it has there.

    Args:
        fit: any fitted model.
        focal: column whose effect it is. A factor has the difference of its two levels, of more
            than two those of ``{"arm": ("MBSR", "TAU")}``; a number its slope. Several columns have
            the product: ``("arm", "time")`` is the difference between arms of the change.
        moderator: numeric column of the fixed effects.
        values: numbers, or ``mean``, ``mean-sd``, ``mean+sd``, ``median``, percentiles (``q25``).
        at: column -> value for others in the model, which are else averaged over.
        per: grouping column; mean, sd and percentiles are then over its levels, not over rows.
        df: method of the degrees of freedom; by default that of the model's summary.
        level: of the intervals.

    Raises:
        ModelError: a column, level, value or method that is none.
    """
    effect = effect_of(fit, focal, moderator, at=at, per=per, df=df)
    return simple_slopes_of(effect, values, level)


def johnson_neyman(
    fit: Testable,
    focal: Focal,
    moderator: str,
    *,
    alpha: float = 0.05,
    control: Control = "none",
    at: Mapping[str, Any] | None = None,
    per: str | None = None,
    df: DfMethod | None = None,
) -> JohnsonNeyman:
    """Where an effect is significant, as a function of its moderator.

    Args:
        fit: any fitted model.
        focal: column or columns whose effect it is, as for :func:`simple_slopes`.
        moderator: numeric column of the fixed effects.
        alpha: two-sided level.
        control: ``fdr`` keeps the rate of false discoveries over the values observed.
        at: column -> value for others in the model, which are else averaged over.
        per: grouping column; the moderator's values then count once a level of it.
        df: method of the degrees of freedom; by default that of the model's summary.

    Raises:
        ModelError: as :func:`simple_slopes`.
    """
    effect = effect_of(fit, focal, moderator, at=at, per=per, df=df)
    return johnson_neyman_of(effect, alpha, control)
