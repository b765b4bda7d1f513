"""The ordinary linear model: our design, statsmodels' least squares."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.arguments import check_df, contrast_rows
from harness.engines.port.exact_outcome import exact_outcome
from harness.engines.port.ftest import FTest, rooted_f
from harness.engines.port.means.methods import WithMeans
from harness.engines.port.wald import WaldTable, wald_table
from harness.models.design import Design
from harness.models.read_only import read_only
from harness.models.record import Estimates, FitStatistics, RandomEffect
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.hypotheses.contrasts import AnovaType

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class LinearFit(WithMeans):
    """A linear model by least squares, weighted ones if there are weights.

    Tests are on the residual degrees of freedom.
    """

    def __init__(self, design: Design) -> None:
        # statsmodels is imported only when a linear model is fitted: it takes a second.
        from statsmodels.regression.linear_model import OLS, WLS

        self.design = design
        y = design.y if design.offset is None else design.y - design.offset
        model = (
            OLS(y, design.X) if design.weights is None else WLS(y, design.X, weights=design.weights)
        )
        self._results: Any = model.fit(method="qr")
        working = design.XY[:, -1]
        if not self._results.ssr > 1e-24 * float(working @ working):
            raise exact_outcome(design)

    def __repr__(self) -> str:
        formula = self.design.spec.formula.text
        return f"<LinearFit {formula}: sigma {self.sigma:.6g}, {self.n_obs} rows>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.design.names

    @cached_property
    def beta(self) -> Vector:
        """(p,) coefficients."""
        return read_only(np.asarray(self._results.params, dtype=np.float64))

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return self.design.frame.n_obs

    @property
    def omitted(self) -> pd.Index:
        """Labels, in the data given, of the rows omitted as incomplete; R's ``na.action``."""
        return self.design.omitted

    @property
    def fitted(self) -> Vector:
        """(n,) fitted values with the offset, on the rows used."""
        values = self.design.X @ self.beta
        return values if self.design.offset is None else values + self.design.offset

    @property
    def df_residual(self) -> int:
        """Rows less coefficients."""
        return self.n_obs - len(self.names)

    @property
    def sigma(self) -> float:
        """Residual standard deviation."""
        return float(np.sqrt(self._results.ssr / self.df_residual))

    @property
    def vcov(self) -> Matrix:
        """(p, p) covariance of the coefficients."""
        return np.asarray(self._results.cov_params(), dtype=np.float64)

    @property
    def varcorr(self) -> tuple[RandomEffect, ...]:
        """The residual standard deviation alone."""
        return (RandomEffect("sigma", self.sigma),)

    @property
    def loglik(self) -> float:
        """Log-likelihood at the maximum."""
        return float(self._results.llf)

    @property
    def statistics(self) -> FitStatistics:
        """Minus twice the log-likelihood, and what R's ``logLik``, ``AIC`` and ``BIC`` give."""
        parameters = len(self.names) + 1
        criterion = -2.0 * self.loglik
        return FitStatistics(
            criterion=criterion,
            loglik=self.loglik,
            aic=criterion + 2.0 * parameters,
            bic=criterion + float(np.log(self.n_obs)) * parameters,
        )

    def covariance(self, method: DfMethod = "residual") -> Matrix:
        """(p, p) covariance of the coefficients, the same for every method."""
        check_df(method)
        return self.vcov

    def contrast_df(self, contrasts: Matrix | None, method: DfMethod = "residual") -> Vector:
        """(k,) degrees of freedom of t tests: infinite for ``z``, residual ones otherwise."""
        check_df(method)
        freedom = np.inf if method == "z" else float(self.df_residual)
        rows = None if contrasts is None else contrast_rows(contrasts, self.names)
        return np.full(len(self.names) if rows is None else len(rows), freedom)

    def f_test(
        self, contrasts: Matrix, method: DfMethod = "residual", equals: Vector | None = None
    ) -> FTest:
        """Test that linearly independent contrasts (l, p) equal (l,) numbers together, or zero.

        Raises:
            ModelError: dependent or zero contrasts.
        """
        contrasts = contrast_rows(contrasts, self.names)
        den_df = float(self.contrast_df(None, method)[0])
        # In the orthogonal basis of [X y] a predictor far from zero costs no digits.
        F = self.design.factor.R
        rows = np.asarray(np.linalg.solve(F[:-1, :-1].T, contrasts.T).T, dtype=np.float64)
        value = rows @ F[:-1, -1] - (0.0 if equals is None else equals)
        return rooted_f(rows, value / self.sigma, den_df)

    def anova(self, type: AnovaType = 3, df: DfMethod = "residual") -> pd.DataFrame:
        """Test every term, by hypotheses of type 1, 2 or 3: one row a term."""
        from harness.engines.port.hypotheses.anova import anova_table

        return anova_table(self, type, df, self.sigma)

    def table(self, df: DfMethod = "residual", level: float = 0.95) -> WaldTable:
        """Coefficient tests and intervals; ``z`` for normal ones, t on residual df otherwise."""
        std_error = np.asarray(self._results.bse, dtype=np.float64)
        return wald_table(self.beta, std_error, self.contrast_df(None, df), level)

    def summary(self, df: DfMethod = "residual", level: float = 0.95) -> pd.DataFrame:
        """The coefficient table."""
        from harness.engines.port.tables import coefficient_frame

        return coefficient_frame(self.names, self.table(df, level))

    def estimates(self, df: DfMethod = "residual", level: float = 0.95) -> Estimates:
        """Every number of the fit as the record that is compared with other engines."""
        from harness.engines.port.estimates import linear_estimates

        return linear_estimates(self, df, level)
