"""A linear model of an outcome censored from below, fitted by maximum likelihood."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.arguments import check_df, contrast_rows
from harness.engines.port.exact_outcome import exact_outcome
from harness.engines.port.ftest import FTest, rooted_f
from harness.engines.port.tobit.existence import check_maximum
from harness.engines.port.tobit.likelihood import Maximum, log_likelihood, maximise
from harness.engines.port.wald import WaldTable, wald_table
from harness.errors import ModelError
from harness.models.design import Design
from harness.models.read_only import read_only
from harness.models.record import Estimates, FitStatistics, RandomEffect
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class TobitFit:
    """Tobin's model: ``y* ~ N(X beta, sigma^2)``, of which rows below a limit show the limit.

    Errors are those of the observed information in (beta, log sigma), tests are z tests.
    """

    def __init__(self, design: Design) -> None:
        """Fit.

        Args:
            design: with a column that says which rows are below their limit; the response there
                is the limit.

        Raises:
            ModelError: weights or random terms, no such column, or no maximum.
        """
        if design.censored is None:
            raise ModelError("a Tobit model needs a column that says which rows are censored")
        if design.spec.mixed or design.weights is not None:
            what = "random terms" if design.spec.mixed else "weights"
            raise ModelError(f"a Tobit model has no {what} here")
        self.design = design
        self._below = design.censored == 1.0
        y = design.working(design.y)
        n, p = design.X.shape
        Q, R = np.linalg.qr(design.X)
        self._centre = np.linalg.solve(R, Q.T @ y)
        e = y - design.X @ self._centre
        e -= Q @ (Q.T @ e)
        self._unit = float(np.sqrt(e @ e / n))
        if not self._unit > 1e-12 * float(np.sqrt(y @ y / n)):
            raise exact_outcome(design)
        # Columns of unit size: z = theta e / unit - Q eta.
        A = np.column_stack([-np.sqrt(n) * Q, e / self._unit])
        self._to_beta = np.linalg.solve(R / np.sqrt(n), np.eye(p))
        check_maximum(A, self._below, self._to_beta, design.names)
        self._maximum: Maximum = maximise(A, self._below, np.append(np.zeros(p), 1.0))

    def __repr__(self) -> str:
        formula = self.design.spec.formula.text
        return f"<TobitFit {formula}: sigma {self.sigma:.6g}, {self.n_below} of {self.n_obs} below>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.design.names

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return self.design.frame.n_obs

    @property
    def n_below(self) -> int:
        """Rows below their limit."""
        return int(self._below.sum())

    @property
    def maximum(self) -> Maximum:
        """The end of the search."""
        return self._maximum

    @cached_property
    def sigma(self) -> float:
        """Standard deviation of the outcome given the fixed effects, by maximum likelihood."""
        return self._unit / float(self._maximum.v[-1])

    @cached_property
    def beta(self) -> Vector:
        """(p,) coefficients."""
        moved = self.sigma * (self._to_beta @ self._maximum.v[:-1])
        return read_only(np.asarray(self._centre + moved))

    @cached_property
    def _root(self) -> Matrix:
        """(p, p + 1) with ``Var(beta) = root root'``: beta's derivatives by v, times v's root."""
        v = self._maximum.v
        by_v = np.column_stack([np.eye(len(v) - 1), -v[:-1] / v[-1]])
        return np.asarray(self.sigma * self._to_beta @ by_v @ self._maximum.root)

    @property
    def vcov(self) -> Matrix:
        """(p, p) covariance of the coefficients."""
        return np.asarray(self._root @ self._root.T)

    @cached_property
    def loglik(self) -> float:
        """Log-likelihood at the maximum."""
        residual = self.design.working(self.design.y) - self.design.X @ self.beta
        return log_likelihood(residual, self.sigma, self._below)

    @property
    def statistics(self) -> FitStatistics:
        """Minus twice the log-likelihood, and AIC and BIC with p + 1 parameters, n rows."""
        parameters = len(self.names) + 1
        criterion = -2.0 * self.loglik
        return FitStatistics(
            criterion=criterion,
            loglik=self.loglik,
            aic=criterion + 2.0 * parameters,
            bic=criterion + float(np.log(self.n_obs)) * parameters,
        )

    @property
    def varcorr(self) -> tuple[RandomEffect, ...]:
        """Sigma alone."""
        return (RandomEffect("sigma", self.sigma),)

    def covariance(self, method: DfMethod = "z") -> Matrix:
        """(p, p) covariance of the coefficients, the same for every method."""
        check_df(method)
        return self.vcov

    def contrast_df(self, contrasts: Matrix | None, method: DfMethod = "z") -> Vector:
        """(k,) infinite degrees of freedom: the theory is that of large samples."""
        check_df(method)
        rows = None if contrasts is None else contrast_rows(contrasts, self.names)
        return np.full(len(self.names) if rows is None else len(rows), np.inf)

    def f_test(
        self, contrasts: Matrix, method: DfMethod = "z", equals: Vector | None = None
    ) -> FTest:
        """Wald's chi-square over its df of (l, p) contrasts equalling (l,) numbers, or zero.

        Raises:
            ModelError: dependent or zero contrasts.
        """
        check_df(method)
        contrasts = contrast_rows(contrasts, self.names)
        value = contrasts @ self.beta - (0.0 if equals is None else equals)
        return rooted_f(contrasts @ self._root, value, np.inf)

    def table(self, level: float = 0.95) -> WaldTable:
        """Coefficient tests and intervals, both normal."""
        std_error = np.sqrt((self._root * self._root).sum(axis=1))
        return wald_table(self.beta, std_error, self.contrast_df(None), level)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """The coefficient table."""
        from harness.engines.port.tables import coefficient_frame

        return coefficient_frame(self.names, self.table(level))

    def estimates(self, level: float = 0.95) -> Estimates:
        """Every number of the fit as the record that is compared with other engines."""
        from harness.engines.port.estimates import tobit_estimates

        return tobit_estimates(self, level)
