"""What the search and the inference ask of a criterion, whatever the number of grouping factors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import Evaluation
from harness.engines.port.structure import Structure

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class Sums(Protocol):
    """Data summed once; see :class:`harness.engines.port.crossproducts.CrossProducts`."""

    @property
    def n_obs(self) -> int:
        """Rows."""

    @property
    def p(self) -> int:
        """Columns of X."""

    @property
    def structure(self) -> Structure:
        """Pattern of Lambda, over the terms of all grouping factors."""

    @property
    def F(self) -> Matrix:  # noqa: N802
        """(P, P) upper triangular, ``[X y] = W F``."""

    @property
    def T(self) -> Matrix:  # noqa: N802
        """(q, q) upper triangular by blocks, ``Z = Z~ T``."""


class Surface(Protocol):
    """A profiled criterion as a function of theta in the standardised basis."""

    @property
    def data(self) -> Sums:
        """The summed data."""

    @property
    def reml(self) -> bool:
        """Which criterion."""

    @property
    def d(self) -> int:
        """Residual degrees of freedom of the criterion."""

    def evaluate(self, theta: Vector) -> Evaluation:
        """Criterion, gradient and Hessian at theta (t,); the Hessian may be an estimate."""

    def exact(self, found: Evaluation) -> Evaluation:
        """An evaluation with its Hessian exact."""

    def permuted(self, order: npt.NDArray[np.intp]) -> Surface:
        """The same criterion with the random effects (q,) in another order within their terms."""
