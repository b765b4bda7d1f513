"""What a test of hypotheses, a mean or a contrast asks of a fitted model, whatever its kind."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.engines.port.ftest import FTest
from harness.models.design import Design
from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class Testable(Protocol):
    """A model with p coefficients, linear in them: mixed, repeated measures, or ordinary."""

    @property
    def design(self) -> Design:
        """Formula, model frame and matrices."""

    @property
    def names(self) -> tuple[str, ...]:
        """R's name of each coefficient."""

    @property
    def beta(self) -> Vector:
        """(p,) coefficients."""

    def covariance(self, method: DfMethod) -> Matrix:
        """(p, p) covariance of the coefficients that tests by ``method`` use."""

    def contrast_df(self, contrasts: Matrix | None, method: DfMethod) -> Vector:
        """(k,) degrees of freedom of t tests of contrasts (k, p); None: each coefficient."""

    def f_test(self, contrasts: Matrix, method: DfMethod, equals: Vector | None = None) -> FTest:
        """Test that linearly independent contrasts (l, p) equal (l,) numbers together; None: 0."""
