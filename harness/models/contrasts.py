"""How a factor's levels become columns: treatment, sum, Helmert, polynomial, or an own matrix.

The names and the columns are those of R's ``contr.treatment``, ``contr.sum``, ``contr.helmert`` and
``contr.poly`` (Chambers & Hastie 1992, *Statistical Models in S*, section 2.3.2). A coding belongs
to a factor and holds wherever it stands, in fixed and random terms, as R's ``contrasts(f) <-``
does; R's rule says where a factor takes a column for every level instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]

CODINGS = ("treatment", "sum", "helmert", "poly")
"""Codings that are known by name; treatment is everybody's unless another is asked for."""

MOST_POLY = 95
"""Most levels of a polynomial coding, as R has it."""


@dataclass(frozen=True, slots=True)
class OwnCoding:
    """A user's own matrix.

    Attributes:
        rows: one row a level, in the order of the levels; all of one length.
        names: what each column is called behind the factor's name.
        levels: what the user calls the rows, if anything; the levels, in their order.
    """

    rows: tuple[tuple[float, ...], ...]
    names: tuple[str, ...]
    levels: tuple[str, ...] = ()


Coding = str | OwnCoding

Asked = str | Sequence[Sequence[float]] | npt.ArrayLike
"""What a user may write for one factor; a DataFrame's column labels name the columns."""


def codings(asked: Mapping[str, Any] | None) -> tuple[tuple[str, Coding], ...]:
    """What a user asked for, by column, checked as far as that needs no data; hashable.

    Raises:
        ModelError: an unknown name, or what is no matrix of numbers.
    """
    if asked is None:
        return ()
    if not isinstance(asked, Mapping) or not all(isinstance(column, str) for column in asked):
        raise ModelError(
            f"contrasts must map a column to its coding, not {asked!r}; write {{'arm': 'sum'}}"
        )
    return tuple((column, _coding(column, how)) for column, how in asked.items())


def _coding(column: str, how: Any) -> Coding:
    if isinstance(how, OwnCoding):
        return how
    if isinstance(how, str):
        if how not in CODINGS:
            raise ModelError(
                f"contrasts for `{column}`: no coding `{how}`; one of {', '.join(CODINGS)}, or a "
                "matrix with one row a level"
            )
        return how
    labels = getattr(how, "columns", None)
    try:
        matrix = np.asarray(how, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.ndim != 2 or 0 in matrix.shape or not np.isfinite(matrix).all():
        raise ModelError(
            f"contrasts for `{column}`: neither one of {', '.join(CODINGS)} nor a matrix of finite "
            "numbers with one row a level"
        )
    names = range(1, matrix.shape[1] + 1) if labels is None else labels
    return OwnCoding(
        tuple(map(tuple, matrix.tolist())), tuple(str(name) for name in names), _row_names(how)
    )


def _row_names(how: Any) -> tuple[str, ...]:
    """The row labels of a DataFrame, unless it numbers its rows from 0 as all do."""
    index = getattr(how, "index", None)
    if not isinstance(index, pd.Index) or index.equals(pd.RangeIndex(len(index))):
        return ()
    return tuple(str(label) for label in index)


def coded(coding: Coding, label: str, levels: Sequence[str]) -> tuple[tuple[str, ...], Matrix]:
    """Names behind the factor's own and the matrix (levels, columns) of a coding.

    Args:
        coding: which.
        label: the factor, for messages.
        levels: texts of the levels present, in order; two or more.

    Raises:
        ModelError: an own matrix whose rows are not the levels, or whose columns and the intercept
            are linearly dependent; too many levels for polynomials.
    """
    n = len(levels)
    if isinstance(coding, OwnCoding):
        return coding.names, _own(coding, label, levels)
    if coding == "treatment":
        return tuple(levels[1:]), np.eye(n)[:, 1:]
    numbers = tuple(str(k) for k in range(1, n))
    if coding == "sum":
        return numbers, np.vstack([np.eye(n - 1), np.full(n - 1, -1.0)])
    if coding == "helmert":
        return numbers, np.triu(np.full((n, n - 1), -1.0)) + np.diag(np.arange(0.0, n))[:, 1:]
    if n > MOST_POLY:
        raise ModelError(
            f"contrasts for `{label}`: {n} levels are too many for polynomials (at most "
            f"{MOST_POLY}); take another coding, or poly(x, k) of a number"
        )
    powers = ("", ".L", ".Q", ".C", *(f"^{k}" for k in range(4, n)))
    return powers[1:n], _polynomials(n)


@lru_cache(maxsize=64)
def _polynomials(n: int) -> Matrix:
    """Orthonormal polynomials (n, n - 1) of degree 1 and up on n equidistant points.

    The discrete Chebyshev polynomials are integers by their recurrence (Szego 1939, *Orthogonal
    Polynomials*, section 2.8), so every entry is right to its last bit but one.
    """
    x = [2 * k - n + 1 for k in range(n)]
    before, now = [0] * n, [1] * n
    matrix = np.empty((n, n - 1))
    for k in range(n - 1):
        step = [(2 * k + 1) * at * here for at, here in zip(x, now, strict=True)]
        less = [k * (n * n - k * k) * here for here in before]
        before, now = now, [(a - b) // (k + 1) for a, b in zip(step, less, strict=True)]
        square = sum(value * value for value in now)
        matrix[:, k] = [math.copysign(math.sqrt(Fraction(v * v, square)), v) for v in now]
    matrix.flags.writeable = False
    return matrix


def _own(coding: OwnCoding, label: str, levels: Sequence[str]) -> Matrix:
    """A user's matrix, checked against the levels."""
    n = len(levels)
    matrix = np.array(coding.rows)
    rows, columns = matrix.shape
    if rows != n:
        raise ModelError(
            f"contrasts for `{label}`: a matrix of {rows} rows for {n} levels in the rows used; "
            "give one row a level, and drop levels that nobody has"
        )
    if coding.levels and coding.levels != tuple(levels):
        raise ModelError(
            f"contrasts for `{label}`: the matrix's rows are called {', '.join(coding.levels)} and "
            f"the levels are {', '.join(levels)}; put the rows in the order of the levels"
        )
    if np.linalg.matrix_rank(np.column_stack([np.ones(n), matrix])) <= columns:
        raise ModelError(
            f"contrasts for `{label}`: the matrix's {columns} columns and the intercept are "
            f"linearly dependent; give at most {n - 1} independent ones"
        )
    return matrix
