"""One side evaluated at the other side's optimum: algebra apart from optimisation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.models.record import Estimates


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The criterion of one side at a theta it did not choose itself; nothing is optimised there.

    Attributes:
        python_at_r: the port's criterion at R's theta.
        python_at_python: the port's criterion at the theta the port reports; NaN if not asked.
        r_at_python: R's criterion at the port's theta; NaN if not asked.
        numbers_at_r: all of the port's numbers at R's theta; None if not asked.
    """

    python_at_r: float
    python_at_python: float = math.nan
    r_at_python: float = math.nan
    numbers_at_r: Estimates | None = None
