"""Refits and profile intervals beside lme4.

A thousand parametric-bootstrap refits are held against a fresh ``lmer`` each (``bootMer`` of lme4
1.1-31 is wrong for REML fits, and no faster); profile intervals against ``confint``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from row import Row
from timing import beside, r_seconds
from workloads import SLOPES, TRIAL, classic, two_wave

import harness

REFITS = 1000


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows whose names are wanted."""
    trial = ("trial 70 x 2", two_wave(), TRIAL, ("id",))
    slopes = ("sleepstudy, slopes", classic("sleepstudy", "Subject"), SLOPES, ("Subject",))
    for (data, frame, formula, factors), ratio in ((trial, 250.0), (slopes, 10.0)):
        name = f"1,000 refits: {data}"
        if wanted(name):
            fit = harness.lmer(formula, frame)
            port, r = beside(
                lambda fit=fit: fit.bootstrap(REFITS, seed=1),
                lambda f=frame, m=formula, g=factors: REFITS * r_seconds(f, m, g, "fit", 15),
            )
            yield Row(name, len(frame), port, r, "lme4, fresh fits", ratio)
    for data, frame, formula, factors in (slopes, trial):
        name = f"profile: {data}"
        if wanted(name):
            fit = harness.lmer(formula, frame)
            port, r = beside(
                lambda fit=fit: fit.confint("profile"),
                lambda f=frame, m=formula, g=factors: r_seconds(f, m, g, "profile", 1),
            )
            yield Row(name, len(frame), port, r, "lme4 confint", 50.0)
