"""``RepeatedFit``: a fitted repeated-measures model with what can be asked of it.

Methods only delegate: each concept has a module of its own.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from harness.engines.port.arguments import check_df, contrast_rows
from harness.engines.port.ftest import FTest, rooted_f
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
from harness.engines.port.wald import WaldTable, wald_table
from harness.models.design import Design
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


class RepeatedFit(FittedRepeated, WithMeans):
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

    def df(self, method: DfMethod = "satterthwaite") -> Vector:
        """(p,) denominator degrees of freedom of the coefficients' tests.

        Raises:
            ModelError: an unknown method, or Kenward-Roger for a fit by ML.
        """
        return self.contrast_df(None, method)

    def contrast_df(self, contrasts: Matrix | None, method: DfMethod = "satterthwaite") -> Vector:
        """(k,) denominator degrees of freedom of t tests of contrasts (k, p); None: each alone.

        Raises:
            ModelError: as :meth:`df`.
        """
        check_df(method)
        if contrasts is not None:
            contrasts = contrast_rows(contrasts, self.names)
        k = len(self.names) if contrasts is None else len(contrasts)
        if method == "satterthwaite":
            rows = self._half if contrasts is None else contrasts @ self._half
            return satterthwaite(self._search.at, rows)
        if method == "residual":
            return np.full(k, float(self.n_obs - len(self.names)))
        if method == "z":
            return np.full(k, np.inf)
        return self.kenward_roger.df(contrasts)

    def variant(self, method: DfMethod = "satterthwaite") -> str:
        """What exactly a df method is here, for a report."""
        if method != "kenward-roger":
            return VARIANTS[method]
        curved = self.structure in ("csh", "ar1", "ar1h", "toeph")
        left_out = "; the term in second derivatives left out" if curved else ""
        return f"{VARIANTS[method]}, {self.information} information{left_out}"

    def covariance(self, method: DfMethod = "satterthwaite") -> Matrix:
        """(p, p) covariance of the coefficients that tests by a method use; KR adjusts it."""
        check_df(method)
        return self.kenward_roger.vcov if method == "kenward-roger" else self.vcov

    def f_test(self, contrasts: Matrix, method: DfMethod = "satterthwaite") -> FTest:
        """Test that ``contrasts @ beta`` is zero; rows (l, p) linearly independent.

        Raises:
            ModelError: dependent or zero contrasts, or as :meth:`df`.
        """
        check_df(method)
        contrasts = contrast_rows(contrasts, self.names)
        if method == "kenward-roger":
            return self.kenward_roger.f_test(contrasts, self.beta)
        rows, value = contrasts @ self._half, contrasts @ self.beta
        if method == "satterthwaite":
            return satterthwaite_f(self._search.at, rows, value)
        return rooted_f(rows, value, float(self.contrast_df(contrasts[:1], method)[0]))

    def anova(self, type: Literal[1, 2, 3] = 3, df: DfMethod = "satterthwaite") -> pd.DataFrame:
        """Test every term, by hypotheses of type 1, 2 or 3: one row a term."""
        from harness.engines.port.hypotheses.anova import anova_table

        return anova_table(self, type, df, None)

    def table(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> WaldTable:
        """Coefficient tests and intervals as vectors, with adjusted errors by Kenward-Roger."""
        if df == "kenward-roger":
            std_error = self.kenward_roger.std_error
        else:
            std_error = np.sqrt((self._half * self._half).sum(axis=1))
        return wald_table(self.beta, std_error, self.df(df), level)

    def summary(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
        """The coefficient table: term, estimate, std_error, df, statistic, p_value, bounds."""
        from harness.engines.port.tables import coefficient_frame

        return coefficient_frame(self.names, self.table(df, level))

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
