"""Which linear functions of the coefficients the data determine.

With columns of X dropped as dependent, ``l'b`` is the same for every least-squares solution b if
and only if l has no part in the null space of the full X (Searle 1971, *Linear Models*, section
5.4). Columns count in their own size, so that a unit of a covariate decides nothing; a squared
share of the null space up to 1e-8 is rounding, as in R's package estimability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.models.design import Design
from harness.models.frame import layout_of
from harness.models.new_rows import columns_at, kept_columns

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NEGLIGIBLE = 1e-8
"""Largest squared share of a linear function in the null space that is rounding."""


@dataclass(frozen=True, slots=True)
class Space:
    """The coefficients of the full model matrix and what is known of them.

    Attributes:
        kept: (p,) positions of the fit's coefficients among all P columns.
        size: (P,) root mean square of each column.
        null: (P, P - p) orthonormal basis of the null space of X with columns of unit size.
    """

    kept: npt.NDArray[np.intp]
    size: Vector
    null: Matrix

    def outside(self, full: Matrix) -> Matrix:
        """(k, P - p) coordinates of functions (k, P) in the null space."""
        return np.asarray((full / self.size) @ self.null)

    def estimable(self, full: Matrix) -> npt.NDArray[np.bool_]:
        """(k,) whether each function (k, P) is the same for every solution."""
        if not self.null.shape[1]:
            return np.ones(len(full), dtype=np.bool_)
        length = ((full / self.size) ** 2).sum(axis=1)
        return np.asarray((self.outside(full) ** 2).sum(axis=1) <= NEGLIGIBLE * length)


def space_of(design: Design, names: tuple[str, ...]) -> Space:
    """The null space of a design's full model matrix.

    Args:
        design: of the fit.
        names: of all P columns.
    """
    kept = kept_columns(design, names)
    P = len(names)
    X = design.X  # weighted rows of a weighted fit will do for a size
    if design.dropped:
        fixed, intercept = layout_of(design.spec.formula).fixed, design.spec.formula.intercept
        variables, n = design.frame.variables, design.frame.n_obs
        _, X = columns_at(design, fixed, intercept, variables, n)
    size = np.sqrt((X * X).mean(axis=0))
    size[size == 0.0] = 1.0  # an empty cell's column
    if not design.dropped:
        return Space(kept, size, np.empty((P, 0)))
    X = X / size
    gone = np.setdiff1d(np.arange(P), kept)
    vectors = np.zeros((P, len(gone)))
    vectors[kept] = -np.linalg.lstsq(X[:, kept], X[:, gone], rcond=None)[0]
    vectors[gone] = np.eye(len(gone))
    return Space(kept, size, np.linalg.qr(vectors)[0])
