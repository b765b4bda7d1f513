"""The ordinary linear model: our design, statsmodels' least squares."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.engines.port.wald import WaldTable, wald_table
from harness.errors import ModelError
from harness.models.design import Design
from harness.models.record import Estimates, FitStatistics, RandomEffect
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class LinearFit:
    """A linear model fitted by least squares; tests are on the residual degrees of freedom."""

    def __init__(self, design: Design) -> None:
        # statsmodels is imported only when a linear model is fitted: it takes a second.
        from statsmodels.regression.linear_model import OLS

        self.design = design
        self._results: Any = OLS(design.y, design.X).fit(method="qr")
        if not self._results.ssr > 1e-24 * float(design.y @ design.y):
            raise ModelError(
                f"outcome `{design.frame.response}` is an exact combination of the fixed effects: "
                "no variance is left; leave out the term it was computed from"
            )

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
        return np.asarray(self._results.params, dtype=np.float64)

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return self.design.frame.n_obs

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

    def table(self, df: DfMethod = "residual", level: float = 0.95) -> WaldTable:
        """Coefficient tests and intervals; ``z`` for normal ones, t on residual df otherwise."""
        freedom = np.inf if df == "z" else float(self.df_residual)
        std_error = np.asarray(self._results.bse, dtype=np.float64)
        return wald_table(self.beta, std_error, np.full(len(self.beta), freedom), level)

    def summary(self, df: DfMethod = "residual", level: float = 0.95) -> pd.DataFrame:
        """The coefficient table."""
        from harness.engines.port.tables import coefficient_frame

        return coefficient_frame(self.names, self.table(df, level))

    def estimates(self, df: DfMethod = "residual", level: float = 0.95) -> Estimates:
        """Every number of the fit as the record that is compared with other engines."""
        from harness.engines.port.estimates import linear_estimates

        return linear_estimates(self, df, level)
