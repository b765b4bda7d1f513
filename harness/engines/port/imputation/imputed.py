"""``Imputed``: completed data sets, and one answer from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.imputation.analysis import analyse
from harness.engines.port.imputation.pooling import Numbers, Pooled, pool
from harness.engines.port.imputation.wide import Wide
from harness.errors import ModelError
from harness.models.read_only import read_only

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.imputation.tipping import TippingPoint
    from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PooledFit:
    """A model's coefficients, pooled over imputations.

    Attributes:
        formula: of the model.
        names: of the k coefficients.
        pooled: the numbers, each with its Monte-Carlo error.
        df_method: degrees of freedom of complete data.
        assumption: under which the missing values were imputed, in words.
    """

    formula: str
    names: tuple[str, ...]
    pooled: Pooled
    df_method: str
    assumption: str

    def __repr__(self) -> str:
        return (
            f"<PooledFit {self.formula}: {self.pooled.imputations} imputations, {self.assumption}>"
        )

    def number(self, name: str) -> int:
        """Position of a coefficient.

        Raises:
            ModelError: there is none of that name.
        """
        if name not in self.names:
            raise ModelError(f"no coefficient `{name}`; there are {', '.join(self.names)}")
        return self.names.index(name)

    def summary(self) -> pd.DataFrame:
        """One row a coefficient: its numbers, then the Monte-Carlo error of each (``mcse_``)."""
        import pandas as pd

        frame = pd.DataFrame({"term": list(self.names)})
        for prefix, numbers in (("", self.pooled.numbers), ("mcse_", self.pooled.mc_error)):
            for field in fields(Numbers):
                frame[prefix + field.name] = getattr(numbers, field.name)
        return frame


@dataclass(frozen=True, slots=True, eq=False)
class Imputed:
    """A trial whose missing outcomes were drawn m times.

    Attributes:
        wide: the trial as it was seen.
        values: (m, n, V) completed outcomes, read-only.
        assumption: under which they were drawn, in words.
        seed, iterations, by_arm: of the draws.
    """

    wide: Wide
    values: Matrix
    assumption: str
    seed: int
    iterations: int
    by_arm: bool

    def __len__(self) -> int:
        """Number of imputations."""
        return len(self.values)

    def __repr__(self) -> str:
        gone = int(self.wide.missing.sum())
        return (
            f"<Imputed {self.wide.outcome}: {gone} of {self.wide.Y.size} values, "
            f"{len(self)} times, {self.assumption}>"
        )

    def completed(self, number: int) -> pd.DataFrame:
        """One completed data set in long form, with a row for every visit of every patient.

        Raises:
            ModelError: there is no such imputation.
        """
        if not isinstance(number, int | np.integer) or not 0 <= number < len(self):
            raise ModelError(f"no imputation {number!r}; there are 0 to {len(self) - 1}")
        return self.wide.frame.assign(**{self.wide.outcome: self.values[number].ravel()})

    def fit(
        self,
        formula: str,
        *,
        visits: Sequence[object] | None = None,
        reml: bool = True,
        df: DfMethod | None = None,
        level: float = 0.95,
    ) -> PooledFit:
        """Fit a model to every completed data set and pool its coefficients.

        Args:
            formula: mixed or linear, with the imputed outcome to the left.
            visits: levels of the time column whose rows are analysed; all by default.
            reml: of mixed models.
            df: degrees of freedom that complete data would have; by default Satterthwaite's, the
                mean over imputations, and the residual ones for a linear model.
            level: of the intervals.

        Raises:
            HarnessError: a formula, visit or model that cannot be.
        """
        frame, responses = self.long(visits)
        found = analyse(formula, self.wide.outcome, frame, responses, reml=reml, df=df)
        pooled = pool(found.estimates, found.variances, found.df, level)
        return PooledFit(formula, found.names, pooled, found.df_method, self.assumption)

    def long(self, visits: Sequence[object] | None = None) -> tuple[pd.DataFrame, Matrix]:
        """The long data's rows at these visits, and the completed outcomes (rows, m) on them."""
        at = self.wide.visit_numbers(visits)
        V = len(self.wide.visits)
        rows = (np.arange(len(self.wide.Y))[:, None] * V + at).ravel()
        frame = self.wide.frame.iloc[rows].reset_index(drop=True)
        return frame, self.values[:, :, at].reshape(len(self), -1).T

    def shifted(self, delta: float, arm: object = None) -> Imputed:
        """The same with ``delta`` added to what was imputed: in one arm, or in all for None.

        Values between two that were seen are shifted like those after a drop-out.

        Raises:
            ModelError: delta is no finite number.
            DataError: there is no such arm.
        """
        if not np.isfinite(delta):
            raise ModelError(f"delta must be a finite number, not {delta!r}")
        where = f" in {arm}" if arm is not None else ""
        return replace(
            self,
            values=read_only(self.values + delta * self.unseen(arm)),
            assumption=f"{self.assumption}, imputed values {delta:+g}{where}",
        )

    def unseen(self, arm: object = None) -> Matrix:
        """(n, V) one where a value was imputed, in one arm or in all; else zero."""
        chosen = self.wide.missing.copy()
        if arm is not None:
            inside = self.wide.rows_of(arm)
            chosen[np.setdiff1d(np.arange(len(chosen)), inside)] = False
        return chosen.astype(np.float64)

    def jump_to_reference(self, reference: object, *, baseline: object) -> Imputed:
        """The same with patients of other arms who were lost continuing as the reference arm.

        See :mod:`.reference_based`.

        Args:
            reference: the arm.
            baseline: level of the time column that is before treatment, which is conditioned upon;
                None if the data have no such visit.
        """
        from harness.engines.port.imputation.reference_based import jump_to_reference

        return jump_to_reference(self, reference, baseline)

    def tipping_point(
        self,
        formula: str,
        term: str,
        *,
        arm: object,
        deltas: Sequence[float],
        alpha: float = 0.05,
        visits: Sequence[object] | None = None,
        reml: bool = True,
        df: DfMethod | None = None,
    ) -> TippingPoint:
        """From which shift of an arm's imputed values on the decision on a coefficient is another.

        See :func:`.tipping.tipping_point`.
        """
        from harness.engines.port.imputation.tipping import tipping_point

        return tipping_point(
            self,
            formula,
            term,
            arm=arm,
            deltas=deltas,
            alpha=alpha,
            visits=visits,
            reml=reml,
            df=df,
        )
