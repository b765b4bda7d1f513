"""A fitted mixed model: what was found at the optimum.

What is inferred from it (tests of hypotheses, means, intervals, predictions) lives in modules of
its own that take this class; :class:`harness.engines.port.fit.Fit` offers them as methods.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.blocked import BlockedProblem
from harness.engines.port.boundary import undetermined
from harness.engines.port.criterion import Evaluation, Problem
from harness.engines.port.ftest import FTest
from harness.engines.port.kenward_roger import KenwardRoger, kenward_roger
from harness.engines.port.kenward_roger_blocked import kenward_roger_blocked
from harness.engines.port.modes import conditional_modes
from harness.engines.port.optimize import Search
from harness.engines.port.optimum import Optimum
from harness.engines.port.satterthwaite import satterthwaite_df, satterthwaite_f
from harness.engines.port.solution import Solution, solve, unstandardise
from harness.engines.port.surface import Surface
from harness.engines.port.tested import Tested
from harness.engines.port.varcomp import random_effects_table
from harness.errors import ModelError
from harness.models.design import Design
from harness.models.record import Estimates, FitStatistics, RandomEffect
from harness.models.spec import DfMethod

if TYPE_CHECKING:
    import pandas as pd

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

SINGULAR = 1e-4
"""A diagonal theta below this makes a fit singular; the limit of lme4's ``isSingular``."""


class FittedModel(Tested):
    """A linear mixed model fitted to data.

    Everything beyond the optimum is computed when asked for.
    """

    def __init__(self, design: Design, at: Surface, search: Search) -> None:
        self.design = design
        self._problem = at
        self._search = search

    def __repr__(self) -> str:
        spec = self.design.spec
        groups = ", ".join(f"{name} {count}" for name, count in self.groups.items())
        return (
            f"<{type(self).__name__} {spec.formula.text}: {'REML' if spec.reml else 'ML'} criterion"
            f" {self.criterion:.4f}, {self.n_obs} rows, {groups}>"
        )

    @property
    def surface(self) -> Surface:
        """The criterion as a function of theta, in the standardised basis."""
        return self._problem

    @property
    def at(self) -> Evaluation:
        """The criterion and its derivatives at the optimum."""
        return self._search.at

    @cached_property
    def _solution(self) -> Solution:
        return solve(self._problem, self._search.at)

    @cached_property
    def _exact(self) -> Evaluation:
        return self._problem.exact(self._search.at)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fixed effects."""
        return self.design.names

    @property
    def beta(self) -> Vector:
        """(p,) fixed effects."""
        return self._solution.beta

    @property
    def theta(self) -> Vector:
        """(t,) covariance parameters relative to sigma, in lme4's order."""
        return self._solution.theta

    @property
    def sigma(self) -> float:
        """Residual standard deviation."""
        return self._solution.sigma

    @property
    def vcov(self) -> Matrix:
        """(p, p) covariance of the fixed effects."""
        half = self._solution.half
        return self.sigma**2 * (half @ half.T)

    @cached_property
    def kenward_roger(self) -> KenwardRoger:
        """Kenward-Roger's adjusted covariance, t and F tests.

        Raises:
            ModelError: a fit by ML.
        """
        if isinstance(self._problem, BlockedProblem):
            return kenward_roger_blocked(self._problem, self._search.at, self._solution)
        if not isinstance(self._problem, Problem):
            raise TypeError(f"no Kenward-Roger for a {type(self._problem).__name__}")
        return kenward_roger(self._problem, self._search.at, self._solution)

    @property
    def varcorr(self) -> tuple[RandomEffect, ...]:
        """Standard deviations and correlations of the random effects, then sigma."""
        return random_effects_table(
            self.design.random, self._problem.data.structure, self._solution.Lambda, self.sigma
        )

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
        """Criterion, log-likelihood, AIC and BIC, counted as R's ``AIC`` and ``BIC`` do."""
        parameters = len(self.names) + self._problem.data.structure.t + 1
        return FitStatistics(
            criterion=self.criterion,
            loglik=self.loglik,
            aic=self.criterion + 2.0 * parameters,
            bic=self.criterion + float(np.log(self.n_obs)) * parameters,
        )

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return self.design.frame.n_obs

    @property
    def omitted(self) -> pd.Index:
        """Labels, in the data given, of the rows omitted as incomplete; R's ``na.action``."""
        return self.design.omitted

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return {g.label: len(g.sizes) for g in self.design.groupings}

    @property
    def singular(self) -> bool:
        """Whether a diagonal theta is below 1e-4, as lme4's ``isSingular``."""
        return bool((self.theta[self._problem.data.structure.diagonal] < SINGULAR).any())

    @property
    def min_eigen(self) -> float:
        """Smallest singular value of the relative covariance factor."""
        return float(np.linalg.svd(self._solution.Lambda, compute_uv=False)[-1])

    @property
    def converged(self) -> bool:
        """Whether the search ended as demanded."""
        return self._search.converged

    @property
    def messages(self) -> tuple[str, ...]:
        """What a user should know of data, design and search."""
        messages = self.design.messages
        if self.singular:
            messages += ("boundary (singular) fit: a variance is zero or effects are collinear",)
        if (flat := undetermined(self._problem, self._exact)) > 0:
            noun = "direction" if flat == 1 else "directions"
            messages += (
                f"the data do not determine {flat} {noun} of the random effects' covariance: "
                "simplify the random term",
            )
        if not self.converged:
            messages += (self._search.message,)
        return messages

    @property
    def optimum(self) -> Optimum:
        """The record of the search."""
        search, at = self._search, self._problem
        structure = at.data.structure

        def outside(theta: Vector) -> tuple[float, ...]:
            return tuple(structure.theta(unstandardise(at, theta)).tolist())

        size = max(1.0, abs(search.at.value))
        return Optimum(
            start=outside(search.start),
            end=tuple(self.theta.tolist()),
            criterion=search.at.value,
            gradient_norm=float(np.abs(search.at.gradient).max()) / size,
            evaluations=search.evaluations,
            starts=search.starts,
            rivals=search.rivals,
            converged=search.converged,
            boundary=search.boundary,
            kkt=search.kkt,
            options=search.options,
            message=search.message,
            trace=tuple((outside(theta), value) for theta, value in search.path),
        )

    @property
    def _root(self) -> Matrix:
        return self._solution.half

    @property
    def _unit(self) -> float:
        return self.sigma

    def _satterthwaite_df(self, rows: Matrix) -> Vector:
        return satterthwaite_df(self._problem, self._exact, rows)

    def _satterthwaite_f(self, rows: Matrix, value: Vector) -> FTest:
        return satterthwaite_f(self._problem, self._exact, rows, value)

    def estimates(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> Estimates:
        """Every number of the fit as the record that is compared with other engines."""
        from harness.engines.port.estimates import mixed_estimates

        return mixed_estimates(self, df, level)

    @cached_property
    def _modes(self) -> dict[str, Matrix]:
        """(G, q) conditional modes by grouping factor."""
        return conditional_modes(self.design, self._problem, self._search.at, self._solution)

    def factor_label(self, group: str | None) -> str:
        """The grouping factor meant: the one named, or the only one.

        Raises:
            ModelError: no such factor, or none named though there are several.
        """
        labels = list(self.groups)
        if group is None and len(labels) == 1:
            return labels[0]
        if group is None or group not in labels:
            wrong = "name a grouping factor" if group is None else f"no grouping factor `{group}`"
            raise ModelError(f"{wrong}; the model has: {', '.join(labels)}")
        return group

    @property
    def fitted(self) -> Vector:
        """(n,) fitted values with the random effects and the offset, on the rows used."""
        values = self.design.X @ self.beta
        if self.design.offset is not None:
            values = values + self.design.offset
        for grouping in self.design.groupings:
            terms = [term for term in self.design.random if term.group == grouping.label]
            columns = [column for term in terms for column in term.columns]
            modes = self._modes[grouping.label]
            for j, column in enumerate(columns):
                values = values + column * modes[grouping.codes, j]
        return values
