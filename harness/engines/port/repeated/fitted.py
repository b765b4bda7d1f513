"""A fitted repeated-measures model: what was found at the optimum.

What is inferred from it is in :class:`harness.engines.port.repeated.fit.RepeatedFit`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.optimum import Optimum
from harness.engines.port.repeated.checks import sign_unknown
from harness.engines.port.repeated.inference import coefficients, half_of
from harness.engines.port.repeated.likelihood import RepeatedCriterion
from harness.engines.port.repeated.patterns import Occasions
from harness.engines.port.repeated.search import RepeatedSearch, least_correlation
from harness.errors import ModelError
from harness.models.design import Design
from harness.models.read_only import read_only
from harness.models.record import FitStatistics, RandomEffect

if TYPE_CHECKING:
    import pandas as pd

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NEARLY_SINGULAR = 1e-4
"""Smallest eigenvalue of the visits' correlations below which a message says so."""


class FittedRepeated:
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
    ) -> None:
        self.design = design
        self.seen = seen
        self.structure = structure
        self._criterion = at
        self._search = search
        self._messages = messages

    def __repr__(self) -> str:
        spec = self.design.spec
        return (
            f"<{type(self).__name__} {spec.formula.text}, {self.structure}({self.seen.visit} | "
            f"{self.seen.subject}): {'REML' if spec.reml else 'ML'} criterion {self.criterion:.4f},"
            f" {self.n_obs} rows, {self.seen.subject} {len(self.seen.subjects)}>"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fixed effects."""
        return self.design.names

    @cached_property
    def beta(self) -> Vector:
        """(p,) fixed effects."""
        return read_only(coefficients(self._criterion, self._search.at))

    @cached_property
    def _half(self) -> Matrix:
        return read_only(half_of(self._criterion, self._search.at))

    @property
    def vcov(self) -> Matrix:
        """(p, p) covariance of the fixed effects, ``(X'V^-1 X)^-1``."""
        return self._half @ self._half.T

    @property
    def visits(self) -> tuple[str, ...]:
        """The visits, in order."""
        return self.seen.visits

    @property
    def covariance_matrix(self) -> Matrix:
        """(V, V) residual covariance by visit."""
        return float(self._criterion.data.F[-1, -1]) ** 2 * self._search.at.Sigma

    @property
    def theta(self) -> Vector:
        """Lower triangle by columns of the Cholesky factor of the covariance by visit."""
        L = np.linalg.cholesky(self.covariance_matrix)
        return np.asarray(L.T[np.triu_indices(len(L))])

    @property
    def R(self) -> pd.DataFrame:  # noqa: N802
        """The same under the visits' names."""
        from harness.engines.port.repeated.tables import by_visit

        return by_visit(self.covariance_matrix, self.seen)

    @property
    def correlations(self) -> pd.DataFrame:
        """Residual correlations by visit."""
        from harness.engines.port.repeated.tables import by_visit

        sd = np.sqrt(self.covariance_matrix.diagonal())
        return by_visit(self.covariance_matrix / np.outer(sd, sd), self.seen)

    @property
    def variances(self) -> pd.Series[float]:
        """Residual variance of each visit."""
        import pandas as pd

        index = pd.Index(list(self.visits), name=self.seen.visit)
        return pd.Series(self.covariance_matrix.diagonal(), index=index, name="variance")

    @property
    def sigma(self) -> float:
        """Residual standard deviation of structures with one variance.

        Raises:
            ModelError: each visit has its own.
        """
        if self.structure in ("un", "csh", "ar1h", "toeph", "diag"):
            raise ModelError(
                f"`{self.structure}` has a residual variance for each visit, no single sigma; "
                "ask for variances"
            )
        return float(np.sqrt(self.covariance_matrix[0, 0]))

    @property
    def varcorr(self) -> tuple[RandomEffect, ...]:
        """Standard deviations and correlations of the residuals by visit."""
        from harness.engines.port.repeated.tables import named_by_visit

        return named_by_visit(self.covariance_matrix, self.seen)

    @property
    def criterion(self) -> float:
        """REML criterion, or minus twice the log-likelihood."""
        return self._search.at.value

    @property
    def loglik(self) -> float:
        """Log-likelihood, restricted for a REML fit."""
        return -0.5 * self.criterion

    @property
    def statistics(self) -> FitStatistics:
        """Criterion, log-likelihood, AIC and BIC, counted as nlme's ``gls`` does.

        Parameters are coefficients and covariance parameters; BIC takes the log of the rows, less
        the coefficients under REML.
        """
        count = len(self.names) + self._criterion.structure.parameters
        return FitStatistics(
            criterion=self.criterion,
            loglik=self.loglik,
            aic=self.criterion + 2.0 * count,
            bic=self.criterion + float(np.log(self._criterion.d)) * count,
        )

    @property
    def aic(self) -> float:
        """Akaike's criterion; see :attr:`statistics`."""
        return self.statistics.aic

    @property
    def bic(self) -> float:
        """Schwarz's criterion; see :attr:`statistics`."""
        return self.statistics.bic

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return self.design.frame.n_obs

    @property
    def groups(self) -> dict[str, int]:
        """Number of subjects with a row."""
        return {self.seen.subject: len(self.seen.subjects)}

    @property
    def converged(self) -> bool:
        """Whether the search ended as demanded."""
        return self._search.converged

    @property
    def messages(self) -> tuple[str, ...]:
        """What a user should know of data, design and search."""
        messages = self.design.messages + self._messages
        if (least := least_correlation(self._search.at)) < NEARLY_SINGULAR:
            messages += (
                f"the residuals' correlations are nearly singular (smallest eigenvalue {least:.1g})"
                ": a simpler structure may serve",
            )
        if sign_unknown(self.structure, self._criterion.data):
            messages += (
                "all visits of a subject are an even lag apart: rho may be of either sign",
            )
        if not self.converged:
            messages += (self._search.message,)
        return messages

    @property
    def optimum(self) -> Optimum:
        """The record of the search; theta here are standard deviations, then correlations."""
        from harness.engines.port.repeated.tables import search_record

        return search_record(self._criterion, self._search)

    @property
    def fitted(self) -> Vector:
        """(n,) ``X beta`` and the offset, on the rows used."""
        values = np.asarray(self.design.X @ self.beta)
        return values if self.design.offset is None else values + self.design.offset
