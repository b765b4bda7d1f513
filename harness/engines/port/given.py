"""A model at given covariance parameters: everything is computed, nothing is optimised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.fit import Fit
from harness.engines.port.newton import DEFAULTS
from harness.engines.port.optimize import Search
from harness.engines.port.problems import refined_surface, surface, worth_refining
from harness.engines.port.solution import standardise
from harness.errors import ModelError
from harness.models.design import Design


def fit_at(design: Design, theta: Sequence[float]) -> Fit:
    """The fit that an optimiser would report if it ended at ``theta``.

    Args:
        design: of a mixed model.
        theta: (t,) lme4's covariance parameters, relative to sigma.

    Returns:
        A fit that has not converged; sigma and the coefficients are the best at this theta.

    Raises:
        ModelError: a theta of the wrong length, not finite, or too large for the data.
    """
    spec = design.spec
    if not spec.mixed:
        raise ModelError(f"`{spec.formula.text}` has no random effects, hence no theta")
    at = surface(design)
    wanted = at.data.structure.t
    given = np.asarray(theta, dtype=np.float64)
    if given.shape != (wanted,):
        raise ModelError(f"theta has {len(theta)} entries; `{spec.formula.text}` has {wanted}")
    if not np.isfinite(given).all():
        raise ModelError(f"theta {tuple(theta)} is not finite")
    inner = standardise(at, given)
    try:
        found = at.evaluate(inner)
        if worth_refining(at, found):
            at = refined_surface(at, design, found)
            found = at.evaluate(inner)
    except NotPositiveError:
        raise ModelError(f"theta {tuple(theta)} is too large for these data") from None
    search = Search(
        at=found,
        start=inner,
        path=(),
        evaluations=1,
        starts=0,
        rivals=(),
        converged=False,
        boundary=False,
        kkt=0.0,
        options=DEFAULTS,
        message="theta was given, nothing was optimised",
    )
    return Fit(design, at, search)
