"""Tests of coefficients, the same for every model with estimated covariance parameters.

A model says what its degrees of freedom are by Satterthwaite and by Kenward-Roger; which method is
asked, and how a table is made of it, is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.arguments import check_df, contrast_rows
from harness.engines.port.ftest import FTest, rooted_f
from harness.engines.port.wald import WaldTable, wald_table
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.kenward_roger import KenwardRoger

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class Tested(ABC):
    """A fitted model whose coefficients can be tested."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""

    @property
    @abstractmethod
    def n_obs(self) -> int:
        """Rows used."""

    @property
    @abstractmethod
    def beta(self) -> Vector:
        """(p,) coefficients."""

    @property
    @abstractmethod
    def vcov(self) -> Matrix:
        """(p, p) covariance of the coefficients."""

    @property
    @abstractmethod
    def kenward_roger(self) -> KenwardRoger:
        """Kenward-Roger's adjusted covariance, t and F tests."""

    @property
    @abstractmethod
    def _root(self) -> Matrix:
        """(p, p) with ``Var(beta) = unit^2 root root'``."""

    @property
    @abstractmethod
    def _unit(self) -> float:
        """The scale that ``_root`` leaves out: sigma, or one."""

    @abstractmethod
    def _satterthwaite_df(self, rows: Matrix) -> Vector:
        """(k,) df of contrasts, given as ``contrasts @ root`` (k, p)."""

    @abstractmethod
    def _satterthwaite_f(self, rows: Matrix, value: Vector) -> FTest:
        """F test of contrasts, given as ``contrasts @ root``, of ``value`` (l,) in units."""

    def df(self, method: DfMethod = "satterthwaite") -> Vector:
        """(p,) denominator degrees of freedom of the coefficients' tests.

        Args:
            method: ``satterthwaite``; ``kenward-roger`` (REML only); ``residual``, rows less
                coefficients; or ``z``, infinite.

        Raises:
            ModelError: an unknown method, or Kenward-Roger for a fit by ML.
        """
        return self.contrast_df(None, method)

    def contrast_df(self, contrasts: Matrix | None, method: DfMethod = "satterthwaite") -> Vector:
        """(k,) denominator degrees of freedom of t tests of contrasts.

        Args:
            contrasts: (k, p) one contrast of the coefficients a row; by default each coefficient.
            method: how.

        Raises:
            ModelError: as :meth:`df`.
        """
        check_df(method)
        if contrasts is not None:
            contrasts = contrast_rows(contrasts, self.names)
        k = len(self.names) if contrasts is None else len(contrasts)
        if method == "satterthwaite":
            return self._satterthwaite_df(
                self._root if contrasts is None else contrasts @ self._root
            )
        if method == "residual":
            return np.full(k, float(self.n_obs - len(self.names)))
        if method == "z":
            return np.full(k, np.inf)
        return self.kenward_roger.df(contrasts)

    def covariance(self, method: DfMethod = "satterthwaite") -> Matrix:
        """(p, p) covariance of the coefficients that tests by a method use; KR adjusts it."""
        check_df(method)
        return self.kenward_roger.vcov if method == "kenward-roger" else self.vcov

    def f_test(
        self,
        contrasts: Matrix,
        method: DfMethod = "satterthwaite",
        equals: Vector | None = None,
    ) -> FTest:
        """Test that ``contrasts @ beta`` equals given numbers; rows (l, p) linearly independent.

        Args:
            contrasts: (l, p) one contrast of the coefficients a row.
            method: of the denominator df.
            equals: (l,) what they are by the hypothesis; None for zero.

        Raises:
            ModelError: dependent or zero contrasts, or as :meth:`df`.
        """
        check_df(method)
        contrasts = contrast_rows(contrasts, self.names)
        if method == "kenward-roger":
            return self.kenward_roger.f_test(contrasts, self.beta, equals)
        value = contrasts @ self.beta - (0.0 if equals is None else equals)
        rows, value = contrasts @ self._root, value / self._unit
        if method == "satterthwaite":
            return self._satterthwaite_f(rows, value)
        return rooted_f(rows, value, float(self.contrast_df(contrasts[:1], method)[0]))

    def table(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> WaldTable:
        """Coefficient tests and intervals as vectors, with adjusted errors by Kenward-Roger."""
        if df == "kenward-roger":
            std_error = self.kenward_roger.std_error
        else:
            root = self._root
            std_error = self._unit * np.sqrt((root * root).sum(axis=1))
        return wald_table(self.beta, std_error, self.df(df), level)

    def summary(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
        """The coefficient table: term, estimate, std_error, df, statistic, p_value, bounds."""
        from harness.engines.port.tables import coefficient_frame

        return coefficient_frame(self.names, self.table(df, level))
