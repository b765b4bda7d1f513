"""``Batch``: the estimates of many responses on one design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.engines.port.arguments import check_df
from harness.engines.port.wald import wald_table
from harness.errors import ModelError
from harness.models.design import Design

if TYPE_CHECKING:
    import pandas as pd

    from harness.engines.port.fit import Fit
    from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Mixed models of R responses with the same X and Z, one row a response.

    A response on which the model cannot be fitted has NaN everywhere, ``converged`` false, and
    its reason in ``failures``.

    Attributes:
        design: that of the model; its own response is not one of the batch.
        responses: (n, R).
        names: the p coefficients.
        beta: (R, p) fixed effects.
        std_error: (R, p) their standard errors.
        theta: (R, t) covariance parameters relative to sigma, lme4's order.
        sigma: (R,) residual standard deviations.
        criterion: (R,) REML criterion, or minus twice the log-likelihood.
        converged: (R,) whether the search ended as demanded.
        singular: (R,) whether a diagonal theta is below 1e-4.
        failures: number of a response (from 0) and why it has no fit.
    """

    design: Design
    responses: Matrix
    names: tuple[str, ...]
    beta: Matrix
    std_error: Matrix
    theta: Matrix
    sigma: Vector
    criterion: Vector
    converged: Mask
    singular: Mask
    failures: tuple[tuple[int, str], ...]

    def __len__(self) -> int:
        """Number of responses."""
        return len(self.criterion)

    def __repr__(self) -> str:
        formula = self.design.spec.formula.text
        return (
            f"<Batch {formula}: {len(self)} responses, {int(self.singular.sum())} singular, "
            f"{len(self.failures)} failed>"
        )

    def fit(self, number: int) -> Fit:
        """One response's model with everything that can be asked of it.

        Raises:
            ModelError: the response has none, or there is no such response.
        """
        if not isinstance(number, int | np.integer) or not 0 <= number < len(self):
            raise ModelError(f"no response {number!r}; there are 0 to {len(self) - 1}")
        from harness.engines.port.batch.responses import with_response
        from harness.engines.port.fit import fit_design

        return fit_design(with_response(self.design, self.responses[:, number]))

    def df(self, method: DfMethod = "satterthwaite") -> Matrix:
        """(R, p) denominator degrees of freedom of the coefficients.

        Raises:
            ModelError: Kenward-Roger, which is made fit by fit (see :meth:`fit`).
        """
        check_df(method)
        if method == "satterthwaite":
            from harness.engines.port.batch.freedom import batch_df

            return batch_df(self)
        if method == "kenward-roger":
            raise ModelError("a batch has no Kenward-Roger df; ask `batch.fit(number)` for them")
        freedom = np.inf if method == "z" else float(len(self.responses) - len(self.names))
        return np.where(np.isnan(self.beta), np.nan, freedom)

    def summary(self, df: DfMethod = "satterthwaite", level: float = 0.95) -> pd.DataFrame:
        """Every coefficient of every response: response (from 0), term, and the usual columns.

        Raises:
            ModelError: as :meth:`df`.
        """
        from harness.engines.port.tables import coefficient_frame

        count, p = self.beta.shape
        table = wald_table(self.beta.ravel(), self.std_error.ravel(), self.df(df).ravel(), level)
        frame = coefficient_frame(self.names * count, table)
        frame.insert(0, "response", np.repeat(np.arange(count), p))
        return frame
