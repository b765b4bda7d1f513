"""Linear functions of a fit's coefficients: estimates, errors, df; what cannot be estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.engines.port.ftest import FTest
from harness.engines.port.means.estimability import NEGLIGIBLE, Space
from harness.engines.port.testable import Testable
from harness.models.spec import DfMethod

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NON_ESTIMABLE = "non-estimable"
NO_ROWS = "non-estimable: no observations to weigh by"
ZERO = "zero whatever the coefficients"

CANCELLED = 1e-14
"""A coefficient below this share of what cancelled in it is rounding."""

INDEPENDENT = 1e-8
"""A function whose part outside the ones before it is shorter than this share depends on them."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """Estimates of k linear functions, NaN where there is a note.

    Attributes:
        estimate: (k,) values.
        std_error: (k,) standard errors.
        df: (k,) degrees of freedom, infinite for normal tests.
        note: (k,) why there is no estimate, or nothing.
    """

    estimate: Vector
    std_error: Vector
    df: Vector
    note: tuple[str, ...]

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """(k,) where there is no note."""
        return np.array([not note for note in self.note], dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class LinearFunctions:
    """k linear functions of the coefficients.

    Attributes:
        fit: the model.
        labels: what each is called, one row a function.
        by: columns of ``labels``; rows that agree in them are a family.
        full: (k, P) coefficients on all columns of the model matrix; NaN rows have no weights.
        constant: (k,) what is added, an offset's share.
        space: what is known of the P coefficients.
        method: degrees of freedom.
    """

    fit: Testable
    labels: pd.DataFrame
    by: tuple[str, ...]
    full: Matrix
    constant: Vector
    space: Space
    method: DfMethod

    @property
    def L(self) -> Matrix:  # noqa: N802
        """(k, p) coefficients on the columns of the fit."""
        return self.full[:, self.space.kept]

    @property
    def families(self) -> list[npt.NDArray[np.intp]]:
        """Positions of each family's functions, in order of appearance."""
        return positions(self.labels, self.by)

    def combined(
        self, labels: pd.DataFrame, by: tuple[str, ...], coefficients: Matrix
    ) -> LinearFunctions:
        """Linear combinations (c, k) of these functions, exactly zero where they cancel."""
        full = _product(coefficients, self.full)
        constant = _product(coefficients, self.constant[:, None])[:, 0]
        return LinearFunctions(self.fit, labels, by, full, constant, self.space, self.method)

    def estimated(self) -> Estimated:
        """Estimates, standard errors and degrees of freedom."""
        k = len(self.full)
        notes = _notes(self.full, self.space)
        usable = np.array([not note for note in notes], dtype=np.bool_)
        estimate, std_error, df = (np.full(k, np.nan) for _ in range(3))
        L = self.L[usable]
        if len(L):
            estimate[usable] = L @ self.fit.beta + self.constant[usable]
            V = self.fit.covariance(self.method)
            std_error[usable] = np.sqrt(((L @ V) * L).sum(axis=1))
            df[usable] = self.fit.contrast_df(L, self.method)
        zero = np.array([note == ZERO for note in notes], dtype=np.bool_)
        estimate[zero], std_error[zero] = self.constant[zero], 0.0
        return Estimated(estimate, std_error, df, notes)

    def covariance(self, rows: npt.NDArray[np.intp]) -> Matrix:
        """Covariance of some estimable functions."""
        L = self.L[rows]
        return np.asarray(L @ self.fit.covariance(self.method) @ L.T)

    def joint_test(self, rows: npt.NDArray[np.intp]) -> tuple[FTest | None, str]:
        """F test that some functions are zero together, and what was left out of them.

        The test is of the estimable combinations of the functions, and of as many of them as are
        linearly independent.

        Returns:
            None where nothing can be tested.
        """
        full = self.full[rows]
        weighed = _weighed(full)
        full = full[weighed]
        notes = ["no observations to weigh by"] if not weighed.all() else []
        own = full / self.space.size  # so that no unit decides what is independent
        rank = len(independent(own))
        if rank < len(full):
            notes.append("linear dependence")
        if self.space.null.shape[1]:
            # The combinations a with a'(full N) = 0: what is estimable of the row space.
            length = np.sqrt((own * own).sum(axis=1))
            own = own[length > 0.0] / length[length > 0.0, None]
            U, w, _ = np.linalg.svd(own @ self.space.null)
            own = U[:, int((w**2 > NEGLIGIBLE).sum()) :].T @ own
        full = own * self.space.size
        chosen = full[independent(own)]
        if len(chosen) < rank:
            notes.append("non-estimability")
        note = f"df reduced by {' and '.join(notes)}" if notes else ""
        if not len(chosen):
            return None, note
        return self.fit.f_test(chosen[:, self.space.kept], self.method), note


def positions(labels: pd.DataFrame, by: tuple[str, ...]) -> list[npt.NDArray[np.intp]]:
    """Positions of the rows that agree in some columns, in order of appearance."""
    if not by:
        return [np.arange(len(labels))]
    groups = labels.reset_index(drop=True).groupby(list(by), sort=False, observed=True)
    return [np.asarray(at, dtype=np.intp) for at in groups.indices.values()]


def independent(rows: Matrix) -> npt.NDArray[np.intp]:
    """Positions of rows that do not depend on those before them; zero rows do."""
    size = np.sqrt((rows * rows).sum(axis=1))
    basis: list[Vector] = []
    chosen = []
    for k in range(len(rows)):
        if size[k] == 0.0:
            continue
        rest = rows[k] / size[k]
        for _ in range(2):  # a second pass removes what rounding left of the first
            for unit in basis:
                rest = rest - (unit @ rest) * unit
        length = float(np.sqrt(rest @ rest))
        if length > INDEPENDENT:
            basis.append(rest / length)
            chosen.append(k)
    return np.array(chosen, dtype=np.intp)


def _product(coefficients: Matrix, values: Matrix) -> Matrix:
    """Matrix product whose entries are exactly zero where everything cancelled.

    A row that uses a NaN row of ``values`` is NaN; one that does not, with coefficient 0, is not.
    """
    missing = ~_weighed(values)
    known = np.where(missing[:, None], 0.0, values)
    product = coefficients @ known
    size = np.abs(coefficients) @ np.abs(known)
    product[np.abs(product) <= CANCELLED * size] = 0.0
    product[(coefficients[:, missing] != 0.0).any(axis=1)] = np.nan
    return np.asarray(product)


def _weighed(full: Matrix) -> npt.NDArray[np.bool_]:
    """(k,) which rows are known; a mean over no observations is not."""
    return np.asarray(np.isfinite(full).all(axis=1), dtype=np.bool_)


def _notes(full: Matrix, space: Space) -> tuple[str, ...]:
    """Why a function has no test, or nothing."""
    weighed = _weighed(full)
    known = np.where(weighed[:, None], full, 0.0)
    estimable = space.estimable(known)
    zero = np.asarray(~known.any(axis=1), dtype=np.bool_)
    return tuple(
        NO_ROWS if not w else NON_ESTIMABLE if not e else ZERO if z else ""
        for w, e, z in zip(weighed, estimable, zero, strict=True)
    )
