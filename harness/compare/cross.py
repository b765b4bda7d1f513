"""One side evaluated at the other side's optimum, and both at third places: algebra alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.models.record import AtTheta, Estimates


@dataclass(frozen=True, slots=True)
class BothAt:
    """Both sides' algebra at one theta that is not the reference's optimum.

    Attributes:
        python, r: the two.
        at_python: whether it is the very theta at which python's search ended.
    """

    python: AtTheta
    r: AtTheta
    at_python: bool

    @property
    def words(self) -> str:
        """Which theta, in words to stand behind ``at``."""
        if self.at_python:
            return "python's theta"
        if self.r.place == "start":
            return "the start of the search"
        return "the theta python had when r was asked"


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The criterion of one side at a theta it did not choose itself; nothing is optimised there.

    Attributes:
        python_at_r: the port's criterion at R's theta.
        python_at_python: the port's criterion at the theta the port reports; NaN if not asked.
        r_at_python: R's criterion at the port's theta; NaN if not asked.
        numbers_at_r: all of the port's numbers at R's theta; None if not asked.
        elsewhere: both sides at the start of the search and at python's theta, where R was asked.
    """

    python_at_r: float
    python_at_python: float = math.nan
    r_at_python: float = math.nan
    numbers_at_r: Estimates | None = None
    elsewhere: tuple[BothAt, ...] = ()
