"""``Fit``: a fitted mixed model with everything that can be asked of it, and how one is made.

Methods only delegate: each concept has a module of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import NotPositiveError
from harness.engines.port.fitted import FittedModel
from harness.engines.port.means.methods import WithMeans
from harness.engines.port.problems import minimum, refined_surface, surface, worth_refining
from harness.errors import ModelError
from harness.models.design import Design

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.batch.record import Batch
    from harness.engines.port.hypotheses.contrasts import AnovaType
    from harness.engines.port.influence.measures import Influence
    from harness.engines.port.intervals.bootstrap import Bootstrap
    from harness.engines.port.intervals.confint import IntervalMethod
    from harness.engines.port.intervals.replicates import Statistic
    from harness.engines.port.lm import LinearFit
    from harness.engines.port.predictions.checks import CheckData
    from harness.engines.port.predictions.explained import ExplainedVariance
    from harness.engines.port.predictions.posterior import FactorPosterior
    from harness.engines.port.predictions.residuals import ResidualKind
    from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

REFINEMENTS = 3
"""Most changes of basis; one is enough unless the first search was far off for lack of digits."""

ROUNDING = 1e-13
"""A residual SD below this share of the largest response is the rounding of its digits.

Of 600 designs whose groups explain the response exactly, sums leave up to 7e-14.
"""


class Fit(FittedModel, WithMeans):
    """A linear mixed model fitted to data."""

    # Predictions, residuals, influence.

    @cached_property
    def _posterior(self) -> dict[str, FactorPosterior]:
        """Conditional means and covariances of the random effects, theta given."""
        from harness.engines.port.predictions.posterior import posterior

        return posterior(self.design, self.surface, self.at)

    def ranef(self, group: str | None = None, condvar: bool = False) -> pd.DataFrame:
        """Conditional modes of the random effects: one row a group, one column an effect.

        Args:
            group: which grouping factor; may be left out when there is one.
            condvar: add a column ``sd(effect)`` for each effect: its conditional standard
                deviation given beta, theta and sigma, of lme4's ``postVar``.

        Raises:
            ModelError: no such factor, or none named though there are several.
        """
        from harness.engines.port.tables import ranef_frame

        group = self.factor_label(group)
        covariance = self.conditional_covariance(group) if condvar else None
        return ranef_frame(self.design, group, self._modes[group], covariance)

    def conditional_covariance(self, group: str | None = None) -> Matrix:
        """Covariance (G, q, q) of each group's effects given beta, theta, sigma and y."""
        from harness.engines.port.predictions.posterior import in_data_units

        return in_data_units(self._posterior[self.factor_label(group)], self.sigma)

    def conditional_sd(self, group: str | None = None) -> pd.DataFrame:
        """Standard deviations of the random effects given y: rows and columns of ``ranef``."""
        from harness.engines.port.tables import ranef_frame

        group = self.factor_label(group)
        variances = np.einsum("gaa->ga", self.conditional_covariance(group))
        return ranef_frame(self.design, group, np.sqrt(variances))

    def residuals(self, kind: ResidualKind = "raw") -> Vector:
        """(n,) residuals on the rows used: raw, pearson, scaled, marginal or normalized."""
        from harness.engines.port.predictions.residuals import residuals

        return residuals(self, kind)

    def predict(
        self,
        newdata: pd.DataFrame | None = None,
        random: bool | Sequence[str] = True,
        allow_new_levels: bool = False,
    ) -> Vector:
        """Predicted means (k,) for new data, or for the rows used.

        Args:
            newdata: a row with a missing value in a column the prediction needs has NaN.
            random: with the random effects, without, or with those of the factors named.
            allow_new_levels: take the effects of groups the fit has not seen as 0.
        """
        from harness.engines.port.predictions.predict import predict

        return predict(self, newdata, random, allow_new_levels)

    def prediction_table(
        self,
        newdata: pd.DataFrame | None = None,
        random: bool | Sequence[str] = True,
        allow_new_levels: bool = False,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Predictions with standard errors, confidence and prediction intervals."""
        from harness.engines.port.predictions.predict import prediction_table

        return prediction_table(self, newdata, random, allow_new_levels, level)

    @cached_property
    def explained(self) -> ExplainedVariance:
        """ICC, marginal and conditional R squared, design effect, and the variances behind them."""
        from harness.engines.port.predictions.explained import explained_variance

        return explained_variance(self)

    def icc(self, group: str | None = None, adjusted: bool = True) -> float:
        """Share of the random effects, or of one factor's, in the variance not due to X beta.

        Args:
            group: one grouping factor; by default all together.
            adjusted: of what the fixed effects leave; else of the whole variance.

        Raises:
            ModelError: no such factor.
        """
        return self.explained.icc(None if group is None else self.factor_label(group), adjusted)

    def r2(self) -> tuple[float, float]:
        """Nakagawa's marginal and conditional R squared."""
        return self.explained.r2_marginal, self.explained.r2_conditional

    def influence(self, group: str | None = None) -> Influence:
        """Estimates without each group in turn, and what that says of the group.

        Args:
            group: which grouping factor; may be left out when there is one.

        Raises:
            ModelError: no such factor, or none named though there are several.
        """
        from harness.engines.port.influence.measures import influence

        return influence(self, self.factor_label(group))

    def leverage(self) -> Vector:
        """(n,) diagonal of the hat matrix of the fitted values, on the rows used."""
        from harness.engines.port.influence.leverage import leverage

        return leverage(self)

    def cooks_distance(self) -> Vector:
        """(n,) Cook's distance of each row, as lme4's ``cooks.distance``."""
        from harness.engines.port.influence.leverage import cooks_distance

        return cooks_distance(self)

    def check_data(self) -> CheckData:
        """Data for the pictures that check a model: normal quantiles, residual against fitted."""
        from harness.engines.port.predictions.checks import check_data

        return check_data(self)

    # New responses: simulation, refits, intervals by resampling and profiling.

    def simulate(self, n_sim: int = 1, seed: int = 1, conditional: bool = False) -> Matrix:
        """Responses (n, n_sim) drawn from the model; ``conditional`` keeps the random effects."""
        from harness.engines.port.batch.simulation import simulate

        return simulate(self, n_sim, seed, conditional)

    def refit(self, responses: npt.ArrayLike) -> Fit | Batch:
        """Fit the model to another response (n,), or to many at once (n, R)."""
        from harness.engines.port.batch.refit import refit

        return refit(self, responses)

    def bootstrap(
        self,
        n_sim: int = 1000,
        seed: int = 1,
        statistic: Statistic | None = None,
        processes: int = 1,
    ) -> Bootstrap:
        """Parametric bootstrap; the same for any number of processes."""
        from harness.engines.port.intervals.bootstrap import bootstrap

        return bootstrap(self, n_sim, seed, statistic, processes)

    def confint(
        self,
        method: IntervalMethod = "wald",
        level: float = 0.95,
        df: DfMethod = "satterthwaite",
        n_sim: int = 1000,
        seed: int = 1,
        processes: int = 1,
    ) -> pd.DataFrame:
        """Intervals of coefficients and variance components: term, estimate, bounds, method.

        ``df`` is for ``wald``; ``n_sim``, ``seed`` and ``processes`` are for ``bootstrap``.
        """
        from harness.engines.port.intervals.confint import confint

        return confint(self, method, level, df, n_sim, seed, processes)

    def profile(self) -> pd.DataFrame:
        """Profile curves of the likelihood, for plots: parameter, value, zeta."""
        from harness.engines.port.intervals.profile import profile_frame

        return profile_frame(self)

    # Tests of hypotheses.

    def anova(self, type: AnovaType = 3, df: DfMethod = "satterthwaite") -> pd.DataFrame:
        """Test every term, by hypotheses of type 1, 2 or 3: one row a term.

        Raises:
            ModelError: an unknown type or df method; Kenward-Roger for a fit by ML.
        """
        from harness.engines.port.hypotheses.anova import anova_table

        return anova_table(self, type, df, self.sigma)

    def drop1(self, df: DfMethod = "satterthwaite") -> pd.DataFrame:
        """Test what each term adds to all others, margins of interactions left out."""
        from harness.engines.port.hypotheses.anova import single_deletions

        return single_deletions(self, df, self.sigma)

    def compare(self, *others: Fit | LinearFit, refit: bool = True) -> pd.DataFrame:
        """Likelihood-ratio tests against other models: see :func:`harness.likelihood_ratio`."""
        from harness.engines.port.hypotheses.likelihood_ratio import likelihood_ratio

        return likelihood_ratio(self, *others, refit=refit)

    def ranova(self) -> pd.DataFrame:
        """Likelihood-ratio tests of the random terms, each reduced in turn: one row a term."""
        from harness.engines.port.hypotheses.random_terms import random_terms_table

        return random_terms_table(self)


def fit_design(design: Design) -> Fit:
    """Fit a mixed model to its design.

    Raises:
        ModelError: data on which the model cannot be fitted, e.g. no residual variation.
    """
    at = surface(design)
    try:
        search = minimum(at)
        for _ in range(REFINEMENTS):
            if not worth_refining(at, search.at):
                break
            at = refined_surface(at, design, search.at)
            search = minimum(at, search.at.theta)
    except NotPositiveError:
        raise ModelError(_no_residual(design)) from None
    fit = Fit(design, at, search)
    y = design.XY[:, -1]
    if fit.sigma <= ROUNDING * max(float(y.max()), -float(y.min())):
        raise ModelError(_no_residual(design))
    return fit


def _no_residual(design: Design) -> str:
    """The message for a response that the groups explain to the last digit."""
    groups = " and ".join(f"`{grouping.label}`" for grouping in design.groupings)
    return (
        f"outcome `{design.frame.response}` leaves no residual within {groups}: the random "
        "effects reproduce it exactly; check for copied rows, or simplify the random term"
    )
