"""The port as an engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.engines.port.criterion import (
    NotPositiveError,
    evaluate,
    inverse_factor,
    loses_digits,
    problem,
)
from harness.engines.port.crossproducts import cross_products, refined
from harness.engines.port.fit import fit_design
from harness.engines.port.lm import LinearFit
from harness.engines.port.solution import standardise
from harness.errors import ModelError
from harness.models.design import build_design
from harness.models.record import Estimates
from harness.models.spec import ModelSpec


class PortEngine:
    """Mixed models by this package, linear models by statsmodels on the same design."""

    @property
    def name(self) -> str:
        """``port``."""
        return "port"

    def fit(self, spec: ModelSpec, frame: pd.DataFrame) -> Estimates:
        """Fit one model.

        Raises:
            DataError: an absent column, no rows.
            ModelError: data on which the model cannot be fitted, or a model not in the port.
        """
        design = build_design(spec, frame)
        fit = fit_design(design) if spec.mixed else LinearFit(design)
        return fit.estimates(spec.df_method, spec.conf_level)

    def criterion_at(self, spec: ModelSpec, frame: pd.DataFrame, theta: Sequence[float]) -> float:
        """The criterion at lme4's ``theta``, nothing optimised.

        Raises:
            ModelError: as ``fit``, or a theta of the wrong length.
        """
        if not spec.mixed:
            raise ModelError(f"`{spec.formula.text}` has no random effects, hence no theta")
        design = build_design(spec, frame)
        data = cross_products(design)
        at = problem(data, spec.reml)
        wanted = at.data.structure.t
        if len(theta) != wanted:
            raise ModelError(f"theta has {len(theta)} entries; `{spec.formula.text}` has {wanted}")
        inner = standardise(at, np.asarray(theta, dtype=np.float64))
        try:
            found = evaluate(at, inner)
            if loses_digits(found):
                data = refined(data, design, inverse_factor(found))
                found = evaluate(problem(data, spec.reml), inner)
        except NotPositiveError:
            raise ModelError(f"theta {tuple(theta)} is too large for these data") from None
        return found.value
