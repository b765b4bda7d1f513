"""``RepeatedFit``: a fitted repeated-measures model with what can be asked of it.

Methods only delegate: each concept has a module of its own.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from harness.engines.port.ftest import FTest
from harness.engines.port.kenward_roger import KenwardRoger
from harness.engines.port.means.methods import WithMeans
from harness.engines.port.repeated.fitted import FittedRepeated
from harness.engines.port.repeated.inference import (
    kenward_roger_linear,
    satterthwaite,
    satterthwaite_f,
)
from harness.engines.port.repeated.likelihood import RepeatedCriterion
from harness.engines.port.repeated.patterns import Occasions
from harness.engines.port.repeated.search import RepeatedSearch
from harness.engines.port.tested import Tested
from harness.models.design import Design
from harness.models.record import Estimates
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

    Residuals = Literal["raw", "pearson", "normalized"]

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

Information = Literal["expected", "observed"]
"""Of the covariance parameters, in Kenward-Roger's method."""

VARIANTS = {
    "satterthwaite": "Satterthwaite, observed information",
    "kenward-roger": "Kenward-Roger 1997, linear (first-order)",
    "residual": "rows less coefficients",
    "z": "normal",
}
"""What exactly each df method means here."""


class RepeatedFit(FittedRepeated, Tested, WithMeans):
    """A linear model with a covariance by visit, fitted to data.

    Everything beyond the optimum is computed when asked for.
    """

    def __init__(
        self,
        design: Design,
        seen: Occasions,
        structure: str,
        at: RepeatedCriterion,
        search: RepeatedSearch,
        messages: tuple[str, ...] = (),
        information: Information = "expected",
    ) -> None:
        super().__init__(design, seen, structure, at, search, messages)
        self.information = information

    @cached_property
    def kenward_roger(self) -> KenwardRoger:
        """Kenward-Roger's adjusted covariance, t and F tests, in the linear variant.

        Raises:
            ModelError: a fit by ML.
        """
        observed = self.information == "observed"
        return kenward_roger_linear(self._criterion, self._search.at, observed)

    @property
    def _root(self) -> Matrix:
        return self._half

    @property
    def _unit(self) -> float:
        return 1.0

    def _satterthwaite_df(self, rows: Matrix) -> Vector:
        return satterthwaite(self._search.at, rows)

    def _satterthwaite_f(self, rows: Matrix, value: Vector) -> FTest:
        return satterthwaite_f(self._search.at, rows, value)

    def variant(self, method: DfMethod = "satterthwaite") -> str:
        """What exactly a df method is here, for a report."""
        if method != "kenward-roger":
            return VARIANTS[method]
        curved = self.structure in ("csh", "ar1", "ar1h", "toeph")
        left_out = "; the term in second derivatives left out" if curved else ""
        return f"{VARIANTS[method]}, {self.information} information{left_out}"

    def anova(self, type: Literal[1, 2, 3] = 3, df: DfMethod = "satterthwaite") -> pd.DataFrame:
        """Test every term, by hypotheses of type 1, 2 or 3: one row a term."""
        from harness.engines.port.hypotheses.anova import anova_table

        return anova_table(self, type, df, None)

    def estimates(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> Estimates:
        """Every number of the fit as the record that is compared with other engines."""
        from harness.engines.port.estimates import repeated_estimates

        return repeated_estimates(self, df, level)

    def residuals(self, kind: Residuals = "raw") -> Vector:
        """(n,) residuals on the rows used.

        Args:
            kind: ``raw``, ``pearson`` (over the visit's standard deviation) or ``normalized``
                (uncorrelated with variance one under the model: each visit given those before).

        Raises:
            ModelError: another kind.
        """
        from harness.engines.port.repeated.residuals import residuals

        return residuals(self, kind)

    def predict(self, newdata: pd.DataFrame | None = None, conditional: bool = False) -> Vector:
        """Predicted values (k,) for new rows, or for the rows used.

        Args:
            newdata: columns of the fixed effects, and for conditional predictions of subject and
                visit.
            conditional: given the values observed of the subject (at an observed visit, the value
                itself); subjects without any, or new ones, get their mean.

        Raises:
            DataError: a column is absent, or has missing values.
            ModelError: a level or a visit the fit does not have.
        """
        from harness.engines.port.repeated.predict import predict

        return predict(self, newdata, conditional)

    def prediction_table(
        self, newdata: pd.DataFrame | None = None, conditional: bool = False
    ) -> pd.DataFrame:
        """Predictions with the error of the mean and the spread of values about it."""
        from harness.engines.port.repeated.predict import prediction_table

        return prediction_table(self, newdata, conditional)
