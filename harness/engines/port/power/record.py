"""Power of a test as a result: at one size of the effect, and the size that can be detected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Power:
    """How often a test finds an effect of one size.

    Attributes:
        effect: the coefficient's true value, in its unit.
        power: share of trials with p < alpha, whichever the sign.
        mc_se: its Monte-Carlo standard error; 0 where it is exact.
        low, high: its 95 % interval (Clopper & Pearson 1934).
        wrong_sign: share of the significant estimates that have the other sign (type S; Gelman &
            Carlin 2014, Persp. Psychol. Sci. 9, 641-651); NaN for an effect of zero, or where
            nothing is significant.
        exaggeration: mean size of the significant estimates over the effect's (type M); NaN alike.
    """

    effect: float
    power: float
    mc_se: float
    low: float
    high: float
    wrong_sign: float
    exaggeration: float


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest effect that is found often enough.

    Attributes:
        effect: its size, positive, in the coefficient's unit.
        low, high: its 95 % interval by Monte Carlo; equal to it where it is exact.
        power: wanted.
    """

    effect: float
    low: float
    high: float
    power: float
